"""Ids that name each other: each once, each known, none itself."""

from __future__ import annotations

from collections.abc import Sequence

from miyabi.dag.node import Node
from miyabi.dag.problems import Problems
from miyabi.text import quote


def check_references(nodes: Sequence[Node], problems: Problems) -> None:
    """Adds what is wrong between nodes: none at all, an id twice, dependencies on unknown nodes or on itself."""
    if not nodes:
        problems.add("", "'nodes' is empty; a DAG has at least one node")
    _check_doubles(nodes, problems)
    known = {node.id: node for node in nodes}
    for node in nodes:
        for other in node.dependencies:
            if other not in known:
                what = f"'dependencies' names {quote(other)}, and there is no such node"
                problems.add(f"node {quote(node.id)}", what, wrong=other, known=known)
            elif other == node.id:
                problems.add(f"node {quote(node.id)}", "waits for itself; take it out of its dependencies")


def _check_doubles(nodes: Sequence[Node], problems: Problems) -> None:
    seen: dict[str, int] = {}
    for number, node in enumerate(nodes, 1):
        folded = node.id.lower()  # ids name files and branches, and macOS takes `A` and `a` for one file
        if folded in seen:
            other = quote(nodes[seen[folded] - 1].id)
            what = f"'id' {quote(node.id)} is taken by node number {seen[folded]} ({other})"
            problems.add(f"node number {number}", f"{what}; upper and lower case count as the same")
        seen.setdefault(folded, number)
