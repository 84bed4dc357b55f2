"""The plain values of a DAG file become nodes: every field checked, edges united with dependencies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from miyabi.dag.node import Node, id_fault
from miyabi.dag.problems import Problems
from miyabi.dag.read import DagText, is_json, plain_values
from miyabi.dag.references import check_references
from miyabi.errors import DagError
from miyabi.text import FieldFault, describe, faults_of, quote

_TOP = ("nodes", "edges", "levels")
_ENDS = ("from", "to")
_OTHER_NAMES = {"start_time": "start", "end_time": "end"}
_MAY_HOLD_SECRETS = frozenset({"mcp_config", "settings"})
_ODD_COMMAND = "is given to claude as a prompt, not to a shell, for it does not begin with '/'"

Levels = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a DAG file says."""

    nodes: tuple[Node, ...]
    levels: Levels


def content(text: str, *, name: str) -> Content:
    """Reads the nodes of a DAG file, and its own levels; dependencies and edges are united.

    What was parsed lately is not parsed again: a run asks for its DAG in many places.

    Raises:
        DagError: one line that names the file, the first wrong node and field, and how many more there are.
    """
    return parsed(DagText(text, is_json(text, name=name), name))


@lru_cache(maxsize=4)
def parsed(source: DagText) -> Content:
    """Reads what `content` says, and remembers it.

    Raises:
        DagError: as `content`.
    """
    name = source.name
    top = _top(plain_values(source.text, name=name), name=name)
    problems = Problems(name)
    nodes = _nodes(top["nodes"], problems)
    edges = list(_edges(top.get("edges") or [], problems))
    levels = _levels(top.get("levels") or [], problems)
    if not problems.count:
        nodes = _united(nodes, edges, problems)
        check_references(nodes, problems)
    problems.refuse()
    return Content(nodes=tuple(nodes), levels=levels)


def node_warnings(nodes: Iterable[Node], *, name: str) -> Iterator[str]:
    """Makes a sentence about each node that says something odd, or nothing."""
    for node in nodes:
        if node.command and not node.command.startswith("/"):
            yield f"{name}: node {quote(node.id)}: 'command' {quote(node.command)} {_ODD_COMMAND}"
        if node.title in {"", node.id} and not (node.description or node.prompt or node.command or node.issue):
            yield f"{name}: node {quote(node.id)} says nothing but its id; give it a title, a description or a prompt"


def level_warning(given: Levels, computed: Levels, *, name: str) -> str | None:
    """Makes a sentence about the file's own levels where they differ from the computed ones; else None."""
    if not given or [set(level) for level in given] == [set(level) for level in computed]:
        return None
    own = {task: number for number, level in enumerate(given) for task in level}
    right = {task: number for number, level in enumerate(computed) for task in level}
    wrong = [task for task in (*right, *own) if own.get(task) != right.get(task)]
    first = f"for example {quote(wrong[0])}" if wrong else "some are empty or name a node twice"
    return f"{name}: 'levels' differ from what the dependencies say ({first}); the computed ones are used"


def _top(values: Any, *, name: str) -> dict[str, Any]:
    if not isinstance(values, dict):
        was = "nothing" if values is None else describe(values)
        raise DagError(f'{name}: the file must hold an object such as {{"nodes": [...]}}, found {was}')
    problems = Problems(name)
    for field in values:
        if field not in _TOP:
            problems.add("", f"unknown field {quote(field)}", wrong=field, known=_TOP)
    if "nodes" not in values:
        problems.add("", "'nodes' is missing; it is the list of what there is to do")
    for field in _TOP:
        if not isinstance(values.get(field, []), list | None):
            problems.add("", f"'{field}' must be a list, found {describe(values[field])}")
    problems.refuse()
    return values


def _nodes(given: list[Any] | None, problems: Problems) -> list[Node]:
    nodes = (_node(raw, number, problems) for number, raw in enumerate(given or [], 1))
    return [node for node in nodes if node]


def _node(raw: Any, number: int, problems: Problems) -> Node | None:
    if not isinstance(raw, dict):
        problems.add(f"node number {number}", f'must be an object such as {{"id": "a"}}, found {describe(raw)}')
        return None
    given = _given(raw)
    who = _who(given, number)
    for field in [field for field in given if field not in Node.model_fields]:
        problems.add(who, f"unknown field {quote(field)}", wrong=field, known=Node.model_fields)
        del given[field]
    if "prompt" in given and "command" in given:
        problems.add(who, "has 'prompt' and 'command'; give one of them")
    try:
        return Node.model_validate(given)
    except ValidationError as error:
        _explain(error, who, problems)
        return None


def _given(raw: dict[str, Any]) -> dict[str, Any]:
    """The node's fields that have a value, under our names."""
    renamed = {old: new for old, new in _OTHER_NAMES.items() if new not in raw}
    return {renamed.get(field, field): value for field, value in raw.items() if value is not None}


def _who(given: dict[str, Any], number: int) -> str:
    task = given.get("id")
    known = str(task) if type(task) in {str, int} else ""
    return f"node number {number}" if id_fault(known) else f"node {quote(known)}"


def _explain(error: ValidationError, who: str, problems: Problems) -> None:
    for fault in faults_of(error):
        field = str(fault.path[0])
        wanted = Node.model_fields[field].description
        if fault.is_missing:
            problems.add(who, f"'{field}' is missing; give {wanted}")
        else:
            must = fault.must if fault.is_own else f"must be {wanted}"
            found = "a text" if _is_secret(fault) else describe(fault.found)
            problems.add(who, f"'{field}' {must}, found {found}{_within(fault)}")


def _is_secret(fault: FieldFault) -> bool:
    """Whether the text may be a table that holds secrets, and not a file's path."""
    return fault.path[0] in _MAY_HOLD_SECRETS and isinstance(fault.found, str)


def _within(fault: FieldFault) -> str:
    numbers = [part for part in fault.path[1:] if isinstance(part, int)]
    return f" as number {numbers[0] + 1} of the list" if numbers else ""


def _edges(given: list[Any], problems: Problems) -> Iterable[tuple[int, str, str]]:
    for number, edge in enumerate(given, 1):
        if isinstance(edge, dict) and len(edge) == len(_ENDS) and "from" in edge and "to" in edge:
            start, end = edge["from"], edge["to"]
            ends = [str(each) if type(each) is int else each for each in (start, end)]
            if isinstance(ends[0], str) and isinstance(ends[1], str):
                yield number, ends[0], ends[1]
                continue
        _explain_edge(edge, f"edge number {number}", problems)


def _explain_edge(edge: Any, who: str, problems: Problems) -> None:
    if not isinstance(edge, dict):
        problems.add(who, f'must be an object such as {{"from": "a", "to": "b"}}, found {describe(edge)}')
        return
    for field in (field for field in edge if field not in _ENDS):
        problems.add(who, f"unknown field {quote(field)}", wrong=field, known=_ENDS)
    for field in _ENDS:
        if field not in edge:
            problems.add(who, f"'{field}' is missing; give a node's id")
        elif not isinstance(edge[field], str | int) or isinstance(edge[field], bool):
            problems.add(who, f"'{field}' must be a node's id, found {describe(edge[field])}")


def _levels(given: list[Any], problems: Problems) -> Levels:
    for number, level in enumerate(given, 1):
        if not isinstance(level, list) or not all(isinstance(task, str | int) for task in level):
            problems.add(f"level number {number}", f"must be a list of node ids, found {describe(level)}")
    return [[str(task) for task in level] for level in given if isinstance(level, list)]


def _united(nodes: Sequence[Node], edges: Iterable[tuple[int, str, str]], problems: Problems) -> list[Node]:
    """The nodes with the edges that lead to them among their dependencies, each once."""
    known = {node.id: node for node in nodes}
    wanted = {node.id: dict.fromkeys(node.dependencies) for node in nodes}
    for number, start, end in edges:
        for unknown in (task for task in (start, end) if task not in known):
            what = f"names {quote(unknown)}, and there is no such node"
            problems.add(f"edge number {number} ({quote(start)} to {quote(end)})", what, wrong=unknown, known=known)
        if start in known and end in known:
            wanted[end][start] = None
    return [_with_dependencies(node, tuple(wanted[node.id])) for node in nodes]


def _with_dependencies(node: Node, dependencies: tuple[str, ...]) -> Node:
    same = node.dependencies == dependencies
    return node if same else node.model_copy(update={"dependencies": dependencies})
