"""Parameters that may be left empty, as a run form shows them: one plain field each, in place of a choice of types.

A form sends its fields' defaults, so the schema's default is a text that we take for None.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from miyabi.machines.placement import Strategy

AS_CONFIGURED = "as configured"


def _none_where_empty(value: Any) -> Any:
    return None if value in {"", AS_CONFIGURED} else value


_EMPTIABLE = BeforeValidator(_none_where_empty)
_EMPTY = Field(json_schema_extra={"default": ""})

OptionalText = Annotated[str | None, _EMPTIABLE, WithJsonSchema({"type": "string"}), _EMPTY]
"""A text; empty means None."""

OptionalPath = Annotated[Path | None, _EMPTIABLE, WithJsonSchema({"type": "string", "format": "path"}), _EMPTY]
"""A path; empty means None."""

OptionalStrategy = Annotated[
    Strategy | None,
    _EMPTIABLE,
    WithJsonSchema({"type": "string", "enum": [AS_CONFIGURED, *Strategy]}),
    Field(json_schema_extra={"default": AS_CONFIGURED}),
]
"""One of the strategies; "as configured" means None."""
