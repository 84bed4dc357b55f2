"""A milestone while it is run: who else may work on it, what its issues show, how fast GitHub is written to."""

from __future__ import annotations

from itertools import pairwise

from tests.support.cli.local_site import LocalSite
from tests.support.cli.milestone_site import MilestoneSite, emulate, github, quick  # noqa: F401 - fixtures
from tests.support.machines.processes import eventually
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures


def test_two_orchestrators(quick: MilestoneSite[LocalSite]) -> None:
    """One works, its issues show queued and running; the other says so, starts nothing and leaves the labels alone."""
    milestone = quick.remote.milestone("v1")
    held = quick.issue("Held", milestone, scenario="gate:open")
    after = quick.issue("After", milestone, body=f"Depends on #{held}")
    first = quick.orchestrate(milestone)

    def shown() -> list[set[str]]:
        return [quick.remote.labels(number) - {"miyabi"} for number in (held, after)]

    eventually(lambda: shown() == [{"miyabi:running"}, {"miyabi:queued"}] or not first.runs, why=lambda: first.output)
    second = quick.press(milestone)
    assert (second.status, "milestone 1 is being worked on by pid" in second.output) == (0, True)
    assert (len(quick.site.calls), len(quick.runs())) == (1, 1)
    assert shown() == [{"miyabi:running"}, {"miyabi:queued"}]

    quick.site.open_gate("open")
    first.succeeds()
    assert shown() == [{"miyabi:review"}, {"miyabi:review"}]
    assert len(quick.site.calls) == 2


def test_pace(quick: MilestoneSite[LocalSite]) -> None:
    """Whichever task of the flow writes, with nothing set there is a second between two writes."""
    quick.site.write_config(github={"base_url": quick.hub.url}, milestone={"labels": False})
    milestone = quick.remote.milestone("v1")
    quick.issue("Some", milestone)
    assert quick.press(milestone).status == 0
    moments = [sent.at for sent in quick.github.front.sent if sent.method != "GET"]
    assert len(moments) == 6
    assert min(later - earlier for earlier, later in pairwise(moments)) > 0.99
