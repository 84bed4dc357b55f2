"""A run: all tasks of one DAG, its folder and connections; started, checked, gone on with, swept.

Lasts over restarts of the orchestrator. Schedules nothing: that is Prefect's, in `tasks` and `flows`.
"""

from miyabi.runs.attempt_record import AttemptRecord
from miyabi.runs.budget import GOES_ON, LEAST_USD, budget_of, spent_all
from miyabi.runs.checkout_setup import CheckoutSetup
from miyabi.runs.copies import require_copies
from miyabi.runs.cordons import MOVES_ON
from miyabi.runs.costs import BudgetRow, BudgetUse, budgets_before, is_of_shared_budget
from miyabi.runs.current import current_run, use_run
from miyabi.runs.deadline import Deadline
from miyabi.runs.fix_up import fix_attempts_of
from miyabi.runs.folder import CHECK_LOG, RunFolder, make_folder_of_runs
from miyabi.runs.forecast import Forecast, Spread, forecast
from miyabi.runs.garbage import OldRun, old_runs, runs_on, unused_folders
from miyabi.runs.hand_over import HandOver
from miyabi.runs.history import earlier_tasks
from miyabi.runs.info import Kept, MilestoneRun, RunInfo
from miyabi.runs.json_file import read_json
from miyabi.runs.ledger import Spent
from miyabi.runs.machine_facts import LastSeen, MachineFacts, Seen, ask_machine
from miyabi.runs.names import new_run_name, run_name_of, valid_run_name
from miyabi.runs.outlook import Outlook
from miyabi.runs.preflight import MachineReport, check_machine, differing_versions, preflight
from miyabi.runs.progress import WORKING, Board, Snapshot, TaskProgress, TaskState
from miyabi.runs.quota_use import QuotaUse, models_of
from miyabi.runs.ready_queue import ReadyQueue, SortKey
from miyabi.runs.repository import open_repository, settings_at
from miyabi.runs.resume import Continuation
from miyabi.runs.review import review_of, review_run, to_review
from miyabi.runs.run import Run
from miyabi.runs.secrets import hide_secrets_of_run
from miyabi.runs.shown_work import ShownWork, shown_work
from miyabi.runs.start import RunRequest, RunStart, create_run, read_request, record_machines, start_run
from miyabi.runs.sweep import Swept, left_there, not_collected, note_swept, sweep_machine

__all__ = [
    "CHECK_LOG",
    "GOES_ON",
    "LEAST_USD",
    "MOVES_ON",
    "WORKING",
    "AttemptRecord",
    "Board",
    "BudgetRow",
    "BudgetUse",
    "CheckoutSetup",
    "Continuation",
    "Deadline",
    "Forecast",
    "HandOver",
    "Kept",
    "LastSeen",
    "MachineFacts",
    "MachineReport",
    "MilestoneRun",
    "OldRun",
    "Outlook",
    "QuotaUse",
    "ReadyQueue",
    "Run",
    "RunFolder",
    "RunInfo",
    "RunRequest",
    "RunStart",
    "Seen",
    "ShownWork",
    "Snapshot",
    "SortKey",
    "Spent",
    "Spread",
    "Swept",
    "TaskProgress",
    "TaskState",
    "ask_machine",
    "budget_of",
    "budgets_before",
    "check_machine",
    "create_run",
    "current_run",
    "differing_versions",
    "earlier_tasks",
    "fix_attempts_of",
    "forecast",
    "hide_secrets_of_run",
    "is_of_shared_budget",
    "left_there",
    "make_folder_of_runs",
    "models_of",
    "new_run_name",
    "not_collected",
    "note_swept",
    "old_runs",
    "open_repository",
    "preflight",
    "read_json",
    "read_request",
    "record_machines",
    "require_copies",
    "review_of",
    "review_run",
    "run_name_of",
    "runs_on",
    "settings_at",
    "shown_work",
    "spent_all",
    "start_run",
    "sweep_machine",
    "to_review",
    "unused_folders",
    "use_run",
    "valid_run_name",
]
