"""
JSON schemas, generated from the models: ``selectors/schema.json`` (editions, for editors) and ``visit.schema.json`` beside this file
(journals, for whoever reads them). ``python -m agent.browser.schema`` prints the first, with ``visit`` after it the second.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from agent.browser.edition import Edition
from agent.browser.evidence import VisitJournal

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ALWAYS = ["portal", "edition", "format"]
"""What every file has, also one that extends another and writes the differences only."""


def edition_schema() -> dict[str, Any]:
    """The JSON schema of an edition file."""
    schema = Edition.model_json_schema(by_alias=True)
    for part in (schema, *schema.get("$defs", {}).values()):
        part.pop("required", None)  # a file that extends another leaves out what it does not change
    schema["required"] = _ALWAYS
    schema["$schema"] = _DIALECT
    schema["title"] = "An edition: one dated selectors file of a portal"
    schema["properties"]["edition"]["type"] = ["string"]
    return schema


def journal_schema() -> dict[str, Any]:
    """The JSON schema of ``visit.json``, as it is written: every key is there."""
    schema = VisitJournal.model_json_schema(mode="serialization")
    return {**schema, "$schema": _DIALECT, "title": "visit.json: everything a visit did"}


def schema_text(schema: dict[str, Any] | None = None) -> str:
    """A schema as it is kept in its file; without one the edition's."""
    return json.dumps(schema or edition_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text(journal_schema() if sys.argv[1:] == ["visit"] else None))
