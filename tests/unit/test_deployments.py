"""What prefect.yaml deploys: the flows of the house, each with parameters that fit it."""

from __future__ import annotations

import ast
from typing import Any

import pytest
import yaml

from tests.unit.test_architecture import ROOT, SOURCES

DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]


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
