"""The house rules that a machine can hold: layers, the two doors, file sizes."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.cli.demo import EXAMPLE

ROOT = Path(__file__).parents[2]
LAYERS = {
    "miyabi": {"miyabi"},
    "blocks": {"blocks", "miyabi"},
    "tasks": {"tasks", "miyabi"},
    "flows": {"flows", "tasks", "blocks", "miyabi"},
}
DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
DOORS = {"asyncssh": "miyabi/machines/ssh/connection.py", "githubkit": "miyabi/github/transport.py"}
LONGEST = 400
SOURCES = sorted(p for layer in LAYERS for p in (ROOT / layer).rglob("*.py"))


@cache
def imported(source: Path) -> frozenset[str]:
    """The top-level packages that a file imports, wherever in the file."""
    return frozenset(_imported(ast.parse(source.read_text(encoding="utf-8"))))


def _statements(above: ast.AST) -> Iterator[ast.AST]:
    """All statements below, and none of the many more expressions."""
    for part in ("body", "orelse", "finalbody", "handlers", "cases"):
        for node in getattr(above, part, ()):
            yield node
            yield from _statements(node)


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.split(".")[0]


def name(source: Path) -> str:
    """The file's path from the root."""
    return str(source.relative_to(ROOT))


def forbidden(source: Path) -> set[str]:
    """What a file of ours must not import."""
    layer = source.relative_to(ROOT).parts[0]
    doors = {library for library, door in DOORS.items() if door != name(source)}
    return (set(LAYERS) - LAYERS[layer]) | doors | ({"prefect"} if layer == "miyabi" else set())


def test_there_are_sources() -> None:
    """The rules below look at real files."""
    assert {p.relative_to(ROOT).parts[0] for p in SOURCES} == set(LAYERS)


def test_all_of_it_is_installed() -> None:
    """Every package of ours is in the distribution, and so is the DAG of the demo."""
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert set(setuptools["packages"]) == {".".join(p.relative_to(ROOT).parent.parts) for p in SOURCES}
    assert EXAMPLE.parent.relative_to(ROOT).parts == ("flows", "commands")
    assert Path(EXAMPLE.name).match(*setuptools["package-data"]["flows.cli"])
    assert EXAMPLE.resolve() == ROOT / "examples" / "tasks.json"


def test_the_oldest_prefect_is_the_one_that_is_tested() -> None:
    """`make test-oldest` pins the lowest Prefect that may be installed; what it pins differs from the other pins."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    (lowest,) = [each.removeprefix("prefect>=").split(",")[0] for each in wanted if each.startswith("prefect>=")]
    pins = {name: set((ROOT / name).read_text().splitlines()) for name in ("constraints.txt", "constraints-oldest.txt")}
    assert f"prefect=={lowest}" in pins["constraints-oldest.txt"]
    assert not pins["constraints-oldest.txt"] & pins["constraints.txt"]


def test_a_layer_imports_only_what_it_may() -> None:
    """No file reaches into a layer above or beside its own; asyncssh and githubkit have one door each."""
    found = {name(source): imported(source) & forbidden(source) for source in SOURCES}
    assert {source: wrong for source, wrong in found.items() if wrong} == {}


def test_each_door_is_used() -> None:
    """The rule about doors looks at the right files."""
    assert all(library in imported(ROOT / door) for library, door in DOORS.items())


def test_a_file_holds_one_idea() -> None:
    """No file is longer than 400 lines."""
    every = [*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]
    lengths = {name(source): source.read_text(encoding="utf-8").count("\n") for source in every}
    assert {source: length for source, length in lengths.items() if length > LONGEST} == {}


def flow_of(deployment: dict[str, Any]) -> tuple[str, ast.arguments]:
    """The name of the flow that a deployment is of, and its arguments, read without Prefect."""
    module, _, function = deployment["entrypoint"].rpartition(".")
    source = (ROOT / module.replace(".", "/")).with_suffix(".py")
    (node,) = [
        node
        for node in ast.parse(source.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function
    ]
    (made,) = [each for each in node.decorator_list if isinstance(each, ast.Call) and ast.unparse(each.func) == "flow"]
    (name,) = [ast.literal_eval(keyword.value) for keyword in made.keywords if keyword.arg == "name"]
    return name, node.args


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["entrypoint"])
def test_a_deployment_fits_its_flow(deployment: dict[str, Any]) -> None:
    """Each entrypoint is a flow whose parameters outlive a deploy; what runs by itself has all that it needs."""
    _, arguments = flow_of(deployment)
    names = [argument.arg for argument in (*arguments.args, *arguments.kwonlyargs)]
    required = arguments.args[: len(arguments.args) - len(arguments.defaults)]
    (step,) = (found["flows.deploying.keep"] for found in deployment["build"])
    given = step.get("parameters", {})
    assert set(given) <= set(names) <= set(deployment["parameters"])
    if "cron" in step:
        assert {argument.arg for argument in required} <= set(given)
    assert deployment["description"]
    assert deployment["tags"]


def test_each_flow_is_deployed_once_a_name() -> None:
    """Every flow of the house is in prefect.yaml, under a name of its own."""
    names = [(flow_of(deployment)[0], deployment["name"]) for deployment in DEPLOYMENTS]
    assert len(set(names)) == len(names)
    flows = [p for p in SOURCES if p.parts[-2] == "flows" and "\n@flow(" in p.read_text(encoding="utf-8")]
    assert {d["entrypoint"].split(".")[1] for d in DEPLOYMENTS} == {source.stem for source in flows}
