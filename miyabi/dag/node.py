"""A node of the DAG: one task, and what each of its fields must be."""

from __future__ import annotations

import math
import re
from enum import StrEnum
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, StrictBool

from miyabi.machines import Label
from miyabi.options import Effort, ExtraArguments, FileOrTable, MachinePath

DEFAULT_MINUTES = 5.0
"""Estimated length of a node that does not say one. It orders nodes, and bounds what may begin; it stops nothing."""

_LONGEST_MINUTES = 525_600
_DEEPEST = 50
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LONGEST_PROMPT_BYTES = 9_900_000  # what is composed around it fits into claude's 10 MB as well
_LONGEST_ID = 64
_UNSAYABLE = re.compile("[\x00\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


class TaskType(StrEnum):
    """What kind of work a node is."""

    FEATURE = "feature"
    BUG = "bug"
    REFACTOR = "refactor"
    DOCS = "docs"
    TEST = "test"
    DEPLOYMENT = "deployment"


def id_fault(text: str) -> str:
    """Returns what keeps the text from naming a node, its branch and its files; empty where nothing does.

    What a branch may be called is said by git-check-ref-format(1).
    """
    if not _ID.fullmatch(text):
        return "must be letters, digits, '.', '_' and '-', the first a letter or digit (it names a branch and files)"
    if len(text) > _LONGEST_ID:
        return f"must be at most {_LONGEST_ID} characters long"
    if ".." in text or text.lower().endswith((".", ".lock")):
        return "must not have '..' in it or end in '.' or '.lock' (it names a branch)"
    return ""


def _whole_number_as_text(value: object) -> object:
    return str(value) if type(value) is int else value


def _without_fraction(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _safe_id(value: str) -> str:
    if fault := id_fault(value):
        raise ValueError(fault)
    return value


def _sayable(value: str) -> str:
    if _UNSAYABLE.search(value):
        raise ValueError("must not have a NUL or half of a surrogate pair in it")
    return value


def _one_line(value: str) -> str:
    line = " ".join(_sayable(value).split())
    if _CONTROL.search(line):
        raise ValueError("must not have control characters in it")
    return line


def _argument(value: str) -> str:
    if not value or value.startswith("-"):
        raise ValueError("must not be empty or begin with '-' (claude would take it for an option)")
    return value


def _says_something(value: str) -> str:
    if not value.strip():
        raise ValueError("must say something (leave it out to have one composed)")
    return _sayable(value)


def _short_enough(value: str) -> str:
    if len(value.encode()) > _LONGEST_PROMPT_BYTES:
        raise ValueError("must be shorter than 10 MB (claude takes no more; name files in it in place of their text)")
    return value


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        return not _UNSAYABLE.search(value)
    return value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value))


def _moment(value: Any) -> Any:
    if isinstance(value, bool | list | dict) or not _is_plain(value):
        raise ValueError("must be a text or a number")
    return value


def _inner(value: object) -> list[Any] | None:
    """What a list or an object holds, keys included; None for any other value."""
    if isinstance(value, dict):
        return [*value.keys(), *value.values()] if all(isinstance(key, str) for key in value) else None
    return value if isinstance(value, list) else None


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    layer: list[Any] = [value]
    for _ in range(_DEEPEST):
        held = [_inner(each) for each in layer if not _is_plain(each)]
        if None in held:
            raise ValueError("must hold texts, finite numbers, true, false, null, lists and objects only")
        layer = [each for part in held if part is not None for each in part]
        if not layer:
            return value
    raise ValueError(f"must not be nested deeper than {_DEEPEST} levels")


NodeId = Annotated[str, BeforeValidator(_whole_number_as_text), Strict(), AfterValidator(_safe_id)]
NodeReference = Annotated[str, BeforeValidator(_whole_number_as_text), Strict()]
Text = Annotated[str, Strict(), AfterValidator(_sayable)]
Line = Annotated[str, Strict(), AfterValidator(_one_line)]
Speech = Annotated[str, Strict(), AfterValidator(_says_something)]
Prompt = Annotated[Speech, AfterValidator(_short_enough)]
Argument = Annotated[Line, AfterValidator(_argument)]
Moment = Annotated[Any, AfterValidator(_moment)]
Whole = Annotated[int, BeforeValidator(_without_fraction), Strict()]
Positive = Annotated[float, Strict(), Field(gt=0, le=_LONGEST_MINUTES)]
Minutes = Annotated[float, Strict(), Field(ge=0, le=_LONGEST_MINUTES)]


class Node(BaseModel):
    """One task of the DAG. A field's description says what the value must be, and is what error messages quote."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    id: NodeId = Field(description="a text of letters, digits, '.', '_' and '-', at most 64")
    title: Line = Field(default_factory=lambda data: data.get("id", ""), description="a text")
    description: Annotated[Text, AfterValidator(_short_enough)] = Field("", description="a text")
    type: TaskType = Field(TaskType.FEATURE, description=f"one of {', '.join(TaskType)}")
    priority: Whole = Field(5, ge=1, le=10, description="a whole number from 1 (highest) to 10")
    estimated_duration: Minutes = Field(
        DEFAULT_MINUTES, description=f"a number of minutes from 0 to {_LONGEST_MINUTES}"
    )
    dependencies: tuple[NodeReference, ...] = Field((), description="a list of node ids")

    prompt: Prompt | None = Field(None, description="a text")
    command: Prompt | None = Field(None, description="a text such as /agent-run --issue 270")
    issue: Whole | None = Field(None, ge=1, le=10**9, description="an issue number, 1 or more")
    requires: tuple[Label, ...] = Field((), description="a list of machine labels such as [xcode]")
    model: Argument | None = Field(None, description="a model name")
    max_turns: Whole | None = Field(None, ge=1, le=10**6, description="a whole number, 1 or more")
    max_budget_usd: Positive | None = Field(None, description="a number of US dollars above 0")
    timeout_minutes: Positive | None = Field(None, description=f"minutes above 0, at most {_LONGEST_MINUTES}")
    allowed_tools: tuple[Argument, ...] | None = Field(None, description="a list of tools such as [Edit, Bash(git *)]")
    setup: Speech | None = Field(None, description="a shell command")
    check: Speech | None = Field(None, description="a shell command")
    fix_attempts: Whole | None = Field(None, ge=0, le=10**6, description="a whole number, 0 or more")
    expect_changes: StrictBool = Field(True, description="true or false")

    effort: Effort | None = Field(None, description=f"one of {', '.join(get_args(Effort))}")
    fallback_model: Argument | None = Field(None, description="model names with a comma between them")
    append_system_prompt: Prompt | None = Field(None, description="a text")
    add_dirs: tuple[MachinePath, ...] | None = Field(None, description="a list of folders on the machine")
    agent: Argument | None = Field(None, description="the name of an agent")
    plugins: tuple[MachinePath, ...] | None = Field(None, description="a list of plugins' folders on the machine")
    settings: FileOrTable | None = Field(None, description="a JSON file of this computer, or an object")
    mcp_config: FileOrTable | None = Field(None, description="a JSON file of this computer, or an object of servers")
    requires_mcp: tuple[Argument, ...] | None = Field(None, description="a list of MCP servers such as [xcode]")
    extra_args: ExtraArguments | None = Field(None, description="a list of arguments such as [--betas, x]")

    severity: Text | None = Field(None, description="a text")
    impact: Text | None = Field(None, description="a text")
    assigned_agent: Text | None = Field(None, description="a text")
    status: Text | None = Field(None, description="a text")
    start: Moment = Field(None, description="a text or a number")
    end: Moment = Field(None, description="a text or a number")
    metadata: Annotated[dict[str, Any], AfterValidator(_plain)] = Field(default_factory=dict, description="an object")
