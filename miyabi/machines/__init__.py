"""A machine of the fleet, which one is next, and how commands reach it: here or by SSH.

A `Host` runs commands and moves bytes. What the commands mean is said elsewhere: `miyabi.sessions`.
"""
