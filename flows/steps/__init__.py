"""What flows are made of: the run around a flow, integration, publication, artifacts, states.

Called by the flows and by each other, never by users.
"""
