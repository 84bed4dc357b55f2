from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Response, expect
from playwright.sync_api import TimeoutError as NothingSent

from flows.parameters import AS_CONFIGURED
from tests.acceptance.test_demo import TASKS, announced
from tests.support.cli.browser import browser_page
from tests.support.git.repositories import git
from tests.support.machines.processes import eventually
from tests.support.prefect.deployed import Deployed

TEXTS = {"repository", "tasks", "base", "run", "config", "fleet", "session_defaults"}
SWITCHES = {"rehearse", "fail_fast"}
SECONDS = 30_000


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page of a real Chromium."""
    with browser_page() as page:
        expect.set_options(timeout=SECONDS)
        page.set_default_timeout(SECONDS)
        yield page


@pytest.fixture(scope="module")
def demo_run(deployed: Deployed) -> dict[str, Any]:
    """The flow run of the first demo."""
    name = announced(deployed.demo.said)[0].parent.name
    (run,) = deployed.ask("/flow_runs/filter", {"flow_runs": {"name": {"any_": [name]}}})
    return dict(run)


def open_page(page: Page, deployed: Deployed, path: str) -> None:
    """Goes there in the UI that people get."""
    page.goto(f"{deployed.demo.ui_url}/v2{path}")


def field(form: Locator, role: Any, name: str) -> Locator:
    """The field of a parameter; the UI adds a word to those that may be left as they are."""
    return form.get_by_role(role, name=name, exact=True).or_(
        form.get_by_role(role, name=f"{name} (Optional)", exact=True)
    )


def press(page: Page, form: Locator) -> Response | None:
    """Presses the button, and returns what the server said to it; None where nothing was sent."""
    with suppress(NothingSent):
        with page.expect_response("**/create_flow_run") as answer:
            form.get_by_role("button", name="Submit").click()
        return answer.value
    return None


def submit(page: Page, form: Locator) -> dict[str, Any]:
    """Presses the button, as a person does again where nothing came of it, and returns the flow run that was made.

    On a busy machine Prefect's server (3.9.1) answers 503, its SQLite file being locked, and the form only says so.
    """
    refused = list[tuple[int, str]]()
    for _ in range(10):
        answer = press(page, form)
        if answer and answer.ok:
            return dict(answer.json())
        refused += [(answer.status, answer.text())] if answer else []
    raise AssertionError(f"no flow run was made: {refused}, {page.inner_text('body')}")


def ended(page: Page, deployed: Deployed, run: dict[str, Any]) -> dict[str, Any]:
    """The flow run, once it has ended."""

    def over() -> list[dict[str, Any]]:
        return [each for each in deployed.flow_runs("run-dag/manual") if each["id"] == run["id"] and each["end_time"]]

    eventually(over, why=lambda: page.inner_text("main"))
    return over()[0]


def test_a_run_is_started_in_the_form(page: Page, deployed: Deployed, tmp_path: Path) -> None:
    """The form of run-dag/manual has a described field of the right kind for each parameter, and what it sends runs."""
    deployment = deployed.deployment("run-dag/manual")
    open_page(page, deployed, f"/deployments/deployment/{deployment['id']}/run")
    form = page.locator("form")
    properties = deployment["parameter_openapi_schema"]["properties"]
    for name, schema in properties.items():
        expect(form.get_by_text(schema["description"], exact=True)).to_be_visible()
        assert schema["title"] == name
    for name in TEXTS:
        expect(field(form, "textbox", name)).to_be_editable()
    for name in SWITCHES:
        expect(field(form, "switch", name)).not_to_be_checked()
    assert 'Property is type "None"' not in form.inner_text()
    form.get_by_role("button", name="Select strategy").click()
    expect(page.get_by_role("option")).to_have_text([AS_CONFIGURED, "fill-first", "spread"])
    page.get_by_role("option", name="spread").click()

    tasks = tmp_path / "tasks.json"
    tasks.write_text(json.dumps({"nodes": [{"id": "pressed", "estimated_duration": 1}]}))
    field(form, "textbox", "repository").fill(str(deployed.repository))
    field(form, "textbox", "tasks").fill(str(tasks))
    field(form, "switch", "rehearse").click()
    run = ended(page, deployed, submit(page, form))
    assert (run["parameters"]["strategy"], run["parameters"]["base"]) == ("spread", "")
    assert (run["state_type"], run["name"][:10]) == ("COMPLETED", "rehearsal-"), run["state"]
    assert git(deployed.repository, "show", f"miyabi/{run['name']}/pressed:rehearsal/pressed.md")


def test_the_page_of_a_run(page: Page, deployed: Deployed, demo_run: dict[str, Any]) -> None:
    """A run's page names its task runs with their machines, and has the report among its artifacts."""
    open_page(page, deployed, f"/runs/flow-run/{demo_run['id']}?tab=TaskRuns")
    panel = page.get_by_role("tabpanel", name="Task Runs")
    for task in TASKS:
        row = panel.get_by_role("listitem").filter(has=page.get_by_role("link", name=task, exact=True))
        expect(row.filter(has_text="machine:mini").first).to_contain_text("Completed")
    page.get_by_role("tab", name="Artifacts").click()
    expect(page.get_by_text(f"report-{demo_run['name']}")).to_be_visible()


def test_the_report_is_drawn(page: Page, deployed: Deployed, demo_run: dict[str, Any]) -> None:
    """The report's page draws the DAG and who ran what when in both UIs, as narrow as a phone, and shows no source."""
    (report,) = deployed.ask("/artifacts/filter", {"artifacts": {"key": {"any_": [f"report-{demo_run['name']}"]}}})
    for ui, width in itertools.product(("/v2", ""), (1400, 390)):
        page.set_viewport_size({"width": width, "height": 1000})
        page.goto(f"{deployed.demo.ui_url}{ui}/artifacts/artifact/{report['id']}")
        pictures = page.locator("img[src^='data:image/svg+xml']")
        expect(pictures).to_have_count(len(("the DAG", "the timeline")))
        for picture in pictures.all():
            expect(picture).to_have_js_property("complete", value=True)
            assert picture.evaluate("image => image.naturalWidth") > width / 4
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (ui, width)
        text = page.inner_text("body")
        assert {task for task in TASKS if task not in text} == set()
        assert not re.search(r"&#?\w+;|```|flowchart LR|dateFormat|base64|\| ---", text), text
    page.set_viewport_size({"width": 1400, "height": 1000})
