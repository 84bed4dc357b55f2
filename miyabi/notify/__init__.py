"""Messages to people: what they say, to whom they go, and that none goes out twice.

Apprise sends them; a notification block of Prefect's is a destination that is made above.
"""

from miyabi.notify.destinations import Destination, NotSent, deliver, destinations
from miyabi.notify.message import (
    Message,
    end_of_run,
    login_refused,
    machine_gone,
    quota_closed,
    run_broke,
    stuck,
    stuck_cause,
    trial,
)
from miyabi.notify.notified import Notified

__all__ = [
    "Destination",
    "Message",
    "NotSent",
    "Notified",
    "deliver",
    "destinations",
    "end_of_run",
    "login_refused",
    "machine_gone",
    "quota_closed",
    "run_broke",
    "stuck",
    "stuck_cause",
    "trial",
]
