"""
Answers of which a part is missing because of an error: data, and errors that name places in it.

A place that is empty because of an error says nothing. "Not cancelled" and "could not be read" look the same there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from pydantic import BaseModel, JsonValue

from flows.shopify.replies import Envelope


def lacks_something(envelope: Envelope, kind: type[BaseModel]) -> bool:
    """
    Whether an error took away something that *kind* reads. An error about something that we only asked for on the side
    takes nothing away.
    """
    return any(
        not envelope.data or not error.path or _is_gone(envelope.data, error.path, kind) for error in envelope.errors
    )


def _is_gone(data: JsonValue, path: tuple[str | int, ...], kind: type[BaseModel]) -> bool:
    """
    Walk down to the place that the error names, or to the empty place above it: what may not be empty takes its
    surroundings along.
    """
    kinds = [kind]
    here: JsonValue = data
    for step in path:
        if isinstance(step, str):
            read = [annotation for one in kinds for annotation in _read_as(one, step)]
            if not read:
                return False
            kinds = [one for annotation in read for one in _models(annotation)]
            here = here.get(step) if isinstance(here, dict) else None
        else:
            here = here[step] if isinstance(here, list) and step < len(here) else None
        if here is None:
            return True
    return False


def _read_as(kind: type[BaseModel], name: str) -> Iterator[object]:
    for field_name, field in kind.model_fields.items():
        if name == (field.alias or field_name):
            yield field.annotation


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
