"""What claude can be told beside its limits, as settings and DAG files say it: the types of these values, their faults.

Holds no field and starts nothing; what becomes of them is said by `miyabi.claude`.
"""

from miyabi.options.servers import Server, secrets_of_servers, servers_of
from miyabi.options.tables import FileOrTable, read_table
from miyabi.options.values import Effort, ExtraArguments, MachinePath, RepositoryPattern, Version, Word

__all__ = [
    "Effort",
    "ExtraArguments",
    "FileOrTable",
    "MachinePath",
    "RepositoryPattern",
    "Server",
    "Version",
    "Word",
    "read_table",
    "secrets_of_servers",
    "servers_of",
]
