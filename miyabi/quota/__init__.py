"""What is left of the usage limits of Claude accounts: figures of their windows, and when sessions may begin.

Knows nothing of sessions or runs: who is told of a limit notes it here, who is to begin something asks.
"""

from miyabi.quota.account import AccountQuota
from miyabi.quota.book import QuotaBook
from miyabi.quota.figure import REJECTED, UNNAMED, Figure
from miyabi.quota.rules import Hold, QuotaRules, StartSpread

__all__ = [
    "REJECTED",
    "UNNAMED",
    "AccountQuota",
    "Figure",
    "Hold",
    "QuotaBook",
    "QuotaRules",
    "StartSpread",
]
