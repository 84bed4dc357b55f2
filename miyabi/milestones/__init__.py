"""Issues of a milestone become a DAG, and what came of them is said there: description, comments, labels.

Reads issues and writes about them. Runs nothing.
"""
