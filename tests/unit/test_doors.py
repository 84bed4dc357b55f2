"""The doors of packages: what each exports is pinned, and from outside nothing goes past them.

An import is looked at wherever it stands, in functions and under `if TYPE_CHECKING` too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.test_architecture import LAYERS, MODULES, ROOT, SOURCES, behind, module, name, statements, tree

EXPORTS = {
    "flows.steps": (
        "Integrating NotDone RunCancelled TaskBadInput Tending cancelled equip failed publish report_artifacts "
        "see_through show_unfinished state_of state_of_run submit_all tell_broken tell_end value_of with_room"
    ),
    "miyabi.attempts": (
        "Attached Attempt Next Outage abandon_ahead delay_seconds found_no_room is_sick keep_ending limit_is_over "
        "next_step recover_abandoned set_up_ahead stop_session stop_sessions"
    ),
    "miyabi.claude": (
        "BAD_TOKEN_FILE CLAUDE DISK_FULL EXTRA_USAGE HOUSE_RULES PATH_MISSING REVIEW_ARGUMENTS REVIEW_TOOLS Before "
        "Evidence Init LegacyResult RateLimit SpendingRecord Transcript attached_script check_prelude compose "
        "conclude earlier_attempts fix_up go_on hide_secrets inherited_environment left_words missing_command "
        "missing_servers must_pass need_paths read_spending_record readable remove_claude_files result_file "
        "review_prompt session_prelude session_script stall_seconds"
    ),
    "miyabi.dag": ("DEFAULT_MINUTES Dag Node Plan TaskType Unfinished order simulate unfinished"),
    "miyabi.doctor": (
        "CheckedFleet CheckedMachine HealthFinding Patient Severity ask_facts clashing_paths examine "
        "findings_of_refusal fleet_finding not_examined"
    ),
    "miyabi.git": (
        "LFS STRAYS TIE Changes Clone Git History Matches Origin PrerequisiteMissing Remote RemoteToken RemoteUrl "
        "Repository Storage Submodule Submodules base branches checkout clone_of complete_partial_clone "
        "conflict_markers existing_folder filters foreign_tips ignored_files lfs_objects lfs_objects_of matches merge "
        "missing_lfs_objects needed printable_path push push_address require_git shallow_ends submodules_of unquoted "
        "uses_lfs with_attributes_of with_lfs"
    ),
    "miyabi.github": (
        "Blocker Check CheckState Comment GitHubApp GitHubLogin GitHubRepository Issue LabelEvent LinkedRepository "
        "MergeState Milestone Person PullRequest PullRequestReview ReviewComment StatusState is_at_github same_text "
        "there_are token_of_environment"
    ),
    "miyabi.integration": (
        "Breakage CommandEnd Conflict Integration IntegrationProgress LeftOut LeftOutKind NotIntegrated conflict_of "
        "head_of integrate is_decided of_size resolution_run resolution_tree resolve_prompt"
    ),
    "miyabi.machines": (
        "LOCAL NAMED Account Completed Cordon EnvironmentName Host Label Load Machine Placement Strategy Window choose "
        "install open_host opened_host quote_script_word quote_word run_in_terminal ssh_aliases tell_machine "
        "unplaceable"
    ),
    "miyabi.milestones": (
        "MilestonePlan choose_milestone earlier_works milestone_in_turn milestone_lock milestone_sentence "
        "plan_milestone update watch_issues"
    ),
    "miyabi.notify": (
        "Destination Message NotSent Notified deliver destinations end_of_run login_refused machine_gone "
        "quota_closed run_broke stuck stuck_cause trial"
    ),
    "miyabi.options": (
        "Effort ExtraArguments FileOrTable MachinePath RepositoryPattern Server Version Word read_table "
        "secrets_of_servers servers_of"
    ),
    "miyabi.pictures": "as_image dag_picture timeline_picture",
    "miyabi.pull_requests": (
        "Publication PublicationPlan PullRequestText TaskStatus Tended base_branch decided_pull_requests "
        "elsewhere_words nothing_to_publish open_pull_requests plan_publication require_readable "
        "session_statuses set_statuses statuses_of"
    ),
    "miyabi.quota": ("REJECTED UNNAMED AccountQuota Figure Hold QuotaBook QuotaRules StartSpread"),
    "miyabi.reports": (
        "Elsewhere Report TaskRow integration_sentence outcome_style progress_markdown read_report "
        "report_page summary_sentence went_partly went_well write_report"
    ),
    "miyabi.runs": (
        "CHECK_LOG GOES_ON LEAST_USD MOVES_ON WORKING AttemptRecord Board BudgetRow BudgetUse CheckoutSetup "
        "Continuation Deadline Forecast HandOver Kept LastSeen MachineFacts MachineReport MilestoneRun OldRun Outlook "
        "QuotaUse ReadyQueue Run RunFolder RunInfo RunRequest RunStart Seen ShownWork Snapshot SortKey Spent Spread "
        "Swept TaskProgress TaskState ask_machine budget_of budgets_before check_machine create_run current_run "
        "differing_versions earlier_tasks fix_attempts_of forecast hide_secrets_of_run is_of_shared_budget left_there "
        "make_folder_of_runs models_of new_run_name not_collected note_swept old_runs open_repository preflight "
        "read_json read_request record_machines require_copies review_of review_run run_name_of runs_on settings_at "
        "shown_work spent_all start_run sweep_machine to_review unused_folders use_run valid_run_name"
    ),
    "miyabi.sessions": (
        "BLAMELESS Collected EarlierWork Finding InSubmodule Inside Outcome RemoteSession Review SessionPaths "
        "SessionResult SessionSpec State Status Strays TakenUp Usage Verdict Workspace ending_words "
        "integration_branch is_resolving is_reviewing left_there_words list_sessions live_sessions own_levels "
        "printer_of published_branch resolved_by resolving reviewed reviewing size_of strays_words tended_branch"
    ),
    "miyabi.settings": (
        "CONFIG_FILE PUBLIC_API BudgetSettings GitHubSettings IntegrationSettings MilestoneSettings NotifyKind "
        "NotifySettings PullRequestMode PullRequestSettings QuotaSettings ReviewSettings SessionDefaults Settings "
        "fault_at require_moment"
    ),
    "miyabi.system": (
        "LOOK_SECONDS LOOPBACK Backoff Retry at_hour clean_environment disk_full exit_status files fixed "
        "guarded_command in_terminal is_full is_loopback is_our_disk jittered kill_group locked_folder may_pass "
        "miyabi_home next_moment parse_hour parse_zone private_files raised_as_full reap retried retried_blocking "
        "says_full shell_status spawn wait_until"
    ),
    "miyabi.tending": (
        "OpenPullRequest Step StepTaken is_over kept_answers next_step read_open_pull_requests take_step "
        "tending_lock tending_sentence"
    ),
    "miyabi.text": (
        "MAX_BOXES REDACTED Bar Box FieldFault Style as_printed clean clock commonmark cost count describe "
        "did_you_mean dollars duration faults_of field_name first_lines flowchart gantt github_markdown hide in_words "
        "last_lines last_message markdown marked_block one_line percent plain_values_left_out quote redact "
        "render_github_markdown render_html render_markdown render_page replace_block secrets_of secrets_of_address "
        "secrets_of_file several shorten time_of_day version_numbers whole without_times"
    ),
    "miyabi.views": (
        "Address Addresses Answer MachineSessions MachineView Machines NextStep RunState RunStatus RunView Runs "
        "Schedule SessionView Sessions TaskView view_schedule view_status view_tasks"
    ),
    "tasks.concurrency": (
        "CordonStore Lease LeaseFile Leases Sessions SlotLimits Taken cordon_store fast_retrying_client few_retries "
        "keep_cordons keep_reconciled keep_taken_out machines_taken_out retry_fast without_retries"
    ),
    "tasks.runner": (
        "BAD_INPUT DISK_FULL GRACE_SECONDS PARTIAL SKIPPED FleetTaskRunner Refused Slot await_state current_runner "
        "current_slot ended show_state"
    ),
}
"""What other packages use of each: a name that is not here is private to its package."""

PAST_THE_DOOR: dict[str, str] = {}
"""`file: what it imports` from behind a door that stands, and why."""

ROOMS_ABOVE = ("tasks.runner", "tasks.concurrency", "flows.steps")
USERS = sorted(p for top in ("tests", "bench") for p in (ROOT / top).rglob("*.py") if "cases" not in p.parts)


def room(dotted: str) -> str:
    """The package with a door that a module is in, maybe in one nested there; empty for none."""
    first, _, rest = dotted.partition(".")
    own = f"miyabi.{rest.partition('.')[0]}"
    if first == "miyabi":
        return own if is_package(own) else ""
    return next((each for each in ROOMS_ABOVE if f"{dotted}.".startswith(f"{each}.")), "")


def is_package(dotted: str) -> bool:
    """Whether a module is a folder."""
    return MODULES.get(dotted, "").endswith("/__init__.py")


def imports(source: Path) -> Iterator[tuple[str, str]]:
    """`(module, name)` of each name that a file imports from a room."""
    for node in statements(tree(source)):
        if isinstance(node, ast.ImportFrom) and node.module and room(node.module):
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            parts = (alias.name.rpartition(".") for alias in node.names if room(alias.name))
            yield from ((package, last) for package, _, last in parts)


def own_room(source: Path) -> str:
    """The room that a file stands in."""
    return room(module(source))


def names_of(package: str) -> list[str]:
    """What is pinned for a package."""
    return EXPORTS.get(package, "").split()


def offered(package: str) -> list[str]:
    """What a door imports, in alphabetical order."""
    nodes = [n for n in statements(tree(ROOT / MODULES[package])) if isinstance(n, ast.ImportFrom)]
    assert all(n.module and room(n.module) == package for n in nodes), "a door exports its own package's names alone"
    return sorted(alias.asname or alias.name for n in nodes for alias in n.names)


def listed(package: str) -> list[str]:
    """The door's `__all__`, as it stands there."""
    for node in tree(ROOT / MODULES[package]).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            found: list[str] = ast.literal_eval(node.value)
            return found
    return []


def rank(exported: str) -> tuple[int, str]:
    """The linter's order of `__all__`: constants, classes, all else."""
    return 0 if exported.isupper() else 1 if exported[0].isupper() else 2, exported


@pytest.mark.parametrize("package", sorted({room(each) for each in MODULES} - {""}))
def test_a_door_exports_what_is_pinned(package: str) -> None:
    """Each package exports these names and no other; `__all__` has each of them, in order."""
    assert offered(package) == sorted(names_of(package))
    assert listed(package) == sorted(names_of(package), key=rank)


@pytest.mark.parametrize("package", sorted({room(each) for each in MODULES} - {""}))
def test_a_door_makes_nothing(package: str) -> None:
    """A door is a docstring, imports and `__all__`: a name that it made would be offered, and pinned nowhere."""
    docstring, *body = tree(ROOT / MODULES[package]).body
    assert isinstance(docstring, ast.Expr)
    assert not [ast.unparse(each) for each in body[:-1] if not isinstance(each, ast.ImportFrom)]
    assert not body or ast.unparse(body[-1]).startswith("__all__ = [")


def test_no_package_is_imported_whole() -> None:
    """An import says what it takes: by its package, each module behind the door would be at hand as an attribute."""
    assert not [
        f"{name(source)}: {ast.unparse(node)}"
        for source in SOURCES
        for node in statements(tree(source))
        for whole in whole_packages(node)
        if is_package(whole) or isinstance(node, ast.Import)
    ]


def whole_packages(node: ast.AST) -> Iterator[str]:
    """The modules of ours that an import statement gives as such; `import a.b` gives `a` as well."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in LAYERS)
    elif isinstance(node, ast.ImportFrom):
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_each_export_is_used() -> None:
    """What no other package uses any more is no export: tests do not count."""
    used: dict[str, set[str]] = {}
    for source in SOURCES:
        for dotted, imported in imports(source):
            if room(dotted) != own_room(source):
                used.setdefault(dotted, set()).add(imported)
    assert {each: sorted(used.get(each, set())) for each in EXPORTS} == {e: sorted(names_of(e)) for e in EXPORTS}


def test_from_outside_only_doors_are_imported() -> None:
    """No file reaches behind another package's door, but for those that the list names, each with a reason."""
    past = {
        f"{name(source)}: {dotted}.{imported}"
        for source in SOURCES
        for dotted, imported in imports(source)
        if room(dotted) != own_room(source) and imported not in names_of(dotted)
    }
    assert past == set(PAST_THE_DOOR)
    assert all(PAST_THE_DOOR.values())


def test_inside_a_package_siblings_are_imported_by_their_full_path() -> None:
    """Nothing in a package goes by its own door, which is not open yet when they are imported."""
    assert not [
        f"{name(source)}: {dotted}.{imported}"
        for source in SOURCES
        for dotted, imported in imports(source)
        if source.name != "__init__.py" and room(dotted) == own_room(source) and is_package(dotted)
        if f"{dotted}.{imported}" not in MODULES
    ]


def test_tests_go_by_the_door_where_it_offers_the_name() -> None:
    """A test may look behind a door, for a name that the door does not export."""
    assert not [
        f"{source.relative_to(ROOT)}: {dotted}.{imported}"
        for source in USERS
        for dotted, imported in imports(source)
        if dotted != (package := room(dotted)) and imported in names_of(package)
        if behind(package, imported) == behind(dotted, imported)
    ]


def test_no_import_goes_in_a_circle() -> None:
    """Whichever module is imported first, all that it needs stands: looked at with doors, at the time of import."""
    above = {module(source): set(at_import(source)) for source in SOURCES}
    while above:
        free = [each for each, needed in above.items() if not needed & set(above)]
        assert free, f"a circle among {sorted(above)}"
        for each in free:
            del above[each]


def at_import(source: Path) -> Iterator[str]:
    """The modules of ours that a file's own import imports first, the packages around them included."""
    own = module(source)
    for node in (n for n in at_once(tree(source)) if isinstance(n, ast.ImportFrom) and n.module):
        for dotted in {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}:
            parts = dotted.split(".")
            around = {".".join(parts[: n + 1]) for n in range(len(parts))} & set(MODULES)
            yield from (each for each in around if not f"{own}.".startswith(f"{each}."))


def at_once(above: ast.AST) -> Iterator[ast.AST]:
    """The statements that run when a module is imported."""
    for part in ("body", "orelse", "finalbody", "handlers"):
        for node in getattr(above, part, ()):
            is_later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if not is_later and not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
                yield node
                yield from at_once(node)
