"""A slot that is about to be free: the next task is set up meanwhile, by real sessions on a real sshd machine."""

from __future__ import annotations

from typing import Any

from miyabi.sessions import State
from tests.support.cli.sshd_site import Command, Site, site  # noqa: F401 - a fixture
from tests.support.machines.processes import eventually
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures

SLOTS = ("one", "two")


def nodes(site: Site) -> list[dict[str, Any]]:
    """Two tasks whose checks wait for `checks`, which fill a machine; a third that is set up alone until `set-up`."""
    place, write = {"requires": ["second"]}, {"prompt": "Do it. [[scenario:write]]"}
    wait = f"until [ -e '{site.folder}/gates/{{}}' ]; do sleep 0.1; done"
    alone = f"mkdir '{site.folder}/alone' || exit 9; trap \"rmdir '{site.folder}/alone'\" EXIT; trap 'exit 143' TERM"
    setup = f"{alone}; echo x >>'{site.folder}/begun'; {wait.format('set-up')}; echo done >set-up.txt"
    first = [{"id": task, "setup": "true", "check": wait.format("checks")} | place | write for task in SLOTS]
    return [*first, {"id": "next", "setup": setup, "check": "cat set-up.txt", "priority": 9} | place | write]


def begun(site: Site) -> int:
    """How often the third task was begun to be set up."""
    file = site.folder / "begun"
    return len(file.read_text().splitlines()) if file.exists() else 0


def set_up_ahead(site: Site) -> Command:
    """A run whose third task is being set up, while the checks of the first two hold both slots."""
    command = site.orchestrate(nodes(site))
    eventually(lambda: begun(site) == 1 or not command.runs)
    assert command.runs, command.output
    eventually(lambda: site.live(1) >= set(SLOTS))  # claude says its result a moment before its check begins
    assert not site.run_folder().attempts("next")
    return command


def test_it_is_done_when_the_slot_is_free(site: Site) -> None:
    """It is set up once, though the orchestrator was killed meanwhile, and its session finds that."""
    set_up_ahead(site).kill()
    command = site.start("orchestrate", "--run", "r1")
    eventually(lambda: "two" in command.output or not command.runs)
    site.open_gate("set-up")
    site.open_gate("checks")
    command.succeeds()
    assert begun(site) == 1
    assert (site.run_folder().attempt("next") / "check.log").read_text() == "done\n"
    assert site.status("next").state is State.EXITED


def test_ctrl_c_ends_it(site: Site) -> None:
    """Nothing of it runs on, its checkout is gone, and the run goes on later."""
    command = set_up_ahead(site)
    command.interrupt()
    assert command.wait() == 130, command.output
    checkout = site.workspace(1) / "checkouts/r1/next"
    eventually(lambda: not (site.folder / "alone").exists() and not checkout.exists())
    for gate in ("set-up", "checks"):
        site.open_gate(gate)
    site.start("orchestrate", "--run", "r1").succeeds()
    assert begun(site) == 2
    site.start("sweep", "r1").succeeds()
    assert list(site.workspace(1).glob("sessions/*")) == []
