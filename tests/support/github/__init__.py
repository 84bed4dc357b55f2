"""GitHub's stand-in on loopback, and the peers that it is made of.

Real: GitHub's own API description and rules, as far as the peers know them; what they do not know is laid over them.
Costs: two seconds a server.
"""
