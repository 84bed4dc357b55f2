"""Which errors are about what the user gave: a token, a repository, a name. Pure."""

from __future__ import annotations

from miyabi.errors import (
    BadInput,
    MiyabiError,
    NotFoundOnGitHub,
    RemoteLoginRefused,
    RemoteNotFound,
    RepositoryArchived,
    RightsMissing,
    TokenRefused,
)

_OF_WHAT_WAS_GIVEN = (
    BadInput,
    TokenRefused,
    RightsMissing,
    RepositoryArchived,
    NotFoundOnGitHub,
    RemoteLoginRefused,
    RemoteNotFound,
)


def is_bad_input(error: MiyabiError) -> bool:
    """Whether the same again ends the same until the user gives something else."""
    return isinstance(error, _OF_WHAT_WAS_GIVEN)
