"""Claude, as tests start it: the real program, a stub, scripted answers of the Messages API, recordings.

Real: the program, where it is asked for; the API is scripted, and on loopback.
Costs: a second a session, nothing for recordings.
"""
