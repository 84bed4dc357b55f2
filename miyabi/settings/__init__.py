"""The tables of `config.toml` and the environment, and what is wrong with them in one line.

Holds values, their defaults and limits; what they do is said by the packages that take them.
"""
