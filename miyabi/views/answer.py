"""What all answers have in common: a version, and a JSON schema."""

from __future__ import annotations

import json

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = 1


class View(BaseModel):
    """A frozen part of an answer."""

    model_config = ConfigDict(frozen=True)


class Answer(View):
    """What one command says. `schema_version` grows when a field goes or changes its meaning, not when one is added."""

    schema_version: int = Field(SCHEMA_VERSION, description="Of this kind of answer: 1")

    def to_json(self) -> str:
        """Returns it as JSON, indented; times are ISO 8601 in UTC, amounts US dollars."""
        return self.model_dump_json(indent=2)

    @classmethod
    def json_schema(cls) -> str:
        """Returns the JSON schema (draft 2020-12) of what `to_json` writes."""
        schema = cls.model_json_schema(mode="serialization")
        return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2)
