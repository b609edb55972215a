"""
``selectors/schema.json``: the edition format for editors, generated from the models. ``python -m agent.browser.schema`` prints it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from agent.browser.edition import Edition

_ALWAYS = ["portal", "edition", "format"]
"""What every file has, also one that extends another and writes the differences only."""


def edition_schema() -> dict[str, Any]:
    """The JSON schema of an edition file."""
    schema = Edition.model_json_schema(by_alias=True)
    for part in (schema, *schema.get("$defs", {}).values()):
        part.pop("required", None)  # a file that extends another leaves out what it does not change
    schema["required"] = _ALWAYS
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "An edition: one dated selectors file of a portal"
    schema["properties"]["edition"]["type"] = ["string"]
    return schema


def schema_text() -> str:
    """The schema as it is kept in ``selectors/schema.json``."""
    return json.dumps(edition_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
