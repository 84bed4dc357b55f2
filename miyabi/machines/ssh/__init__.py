"""Hosts by SSH: the user's own ssh configuration, keys and known hosts, one shared connection a machine.

The only place that imports asyncssh; what asyncssh raises becomes `miyabi.errors` here.
"""
