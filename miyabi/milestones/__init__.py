"""Issues of a milestone become a DAG, and what came of them is said there: description, comments, labels.

Reads issues and writes about them. Runs nothing.
"""

from miyabi.milestones import update
from miyabi.milestones.hand_over import earlier_works
from miyabi.milestones.live_labels import watch_issues
from miyabi.milestones.lock import milestone_lock
from miyabi.milestones.lookup import choose_milestone
from miyabi.milestones.plan import MilestonePlan, milestone_in_turn, plan_milestone
from miyabi.milestones.summary import milestone_sentence

__all__ = [
    "MilestonePlan",
    "choose_milestone",
    "earlier_works",
    "milestone_in_turn",
    "milestone_lock",
    "milestone_sentence",
    "plan_milestone",
    "update",
    "watch_issues",
]
