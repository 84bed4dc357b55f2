"""One try of one task, from a prepared checkout to a kept result; when to try again.

Starts a session, follows it, collects what it left and decides its outcome; Prefect's retries are in `tasks`.
"""
