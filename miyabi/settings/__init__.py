"""The tables of `config.toml` and the environment, and what is wrong with them in one line.

Holds values, their defaults and limits; what they do is said by the packages that take them.
"""

from miyabi.settings.settings import CONFIG_FILE, Settings
from miyabi.settings.tables import (
    PUBLIC_API,
    BudgetSettings,
    GitHubSettings,
    IntegrationSettings,
    MilestoneSettings,
    NotifyKind,
    NotifySettings,
    PullRequestMode,
    PullRequestSettings,
    QuotaSettings,
    ReviewSettings,
    SessionDefaults,
)
from miyabi.settings.validation import fault_at, require_moment

__all__ = [
    "CONFIG_FILE",
    "PUBLIC_API",
    "BudgetSettings",
    "GitHubSettings",
    "IntegrationSettings",
    "MilestoneSettings",
    "NotifyKind",
    "NotifySettings",
    "PullRequestMode",
    "PullRequestSettings",
    "QuotaSettings",
    "ReviewSettings",
    "SessionDefaults",
    "Settings",
    "fault_at",
    "require_moment",
]
