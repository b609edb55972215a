"""
How two editions differ, in the words of a person who keeps them: by target, state and page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agent.browser.edition import Edition

_BY_NAME = ("pages", "targets", "outcomes", "statuses", "reasons", "questions", "overlays", "challenges", "hosts")
_WORDS = ("name", "label", "placeholder", "text", "texts")


def differences(old: Edition, new: Edition) -> Iterator[str]:
    """
    One line per difference, e.g. ``cancel.submit: name 'Submit' → 'Send request'``; languages other than the edition's own are named.
    """
    before, after = _plain(old), _plain(new)
    for section in _BY_NAME:
        yield from _between_names(section, before[section], after[section])
    for key in ("locale", "order_parameters", "private"):
        if before[key] != after[key]:
            yield f"{key}: {_shown(before[key])} → {_shown(after[key])}"


def _between_names(section: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    label = "" if section == "targets" else f"{section} "
    for name in [*before, *(name for name in after if name not in before)]:
        if name not in after:
            yield f"{label}{name}: removed"
        elif name not in before:
            yield f"{label}{name}: added"
        else:
            for what in _inside("", before[name], after[name]):
                yield f"{label}{name}: {what}"


def _inside(key: str, before: Any, after: Any) -> Iterator[str]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for part in [*before, *(part for part in after if part not in before)]:
            name = part if part and part not in ("try", "layouts") else ""
            yield from _inside(f"{key} {name}".strip(), before.get(part), after.get(part))
    elif isinstance(before, list) and isinstance(after, list) and _are_parts(before) and _are_parts(after):
        for place in range(max(len(before), len(after))):
            old = before[place] if place < len(before) else None
            new = after[place] if place < len(after) else None
            where = f"{key} {place + 1}.".strip() if max(len(before), len(after)) > 1 else key
            yield from _inside(where, old, new)
    else:
        yield f"{key} {_shown(before)} → {_shown(after)}".strip()


def _are_parts(values: list[Any]) -> bool:
    return all(isinstance(value, Mapping) for value in values)


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, list):
        return ", ".join(_shown(one) for one in value) or "nothing"
    if isinstance(value, Mapping):
        return "; ".join(f"{key} {_shown(one)}" if key else _shown(one) for key, one in value.items()) or "nothing"
    return f"'{value}'" if isinstance(value, str) else str(value)


def _plain(edition: Edition) -> dict[str, Any]:
    """The edition as tables and lists, without what is not said in it."""
    said = edition.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude_none=True)
    shown = {**said, **{section: said.get(section, {}) for section in _BY_NAME}}
    shown = {**shown, **{key: said.get(key, []) for key in ("order_parameters", "private")}}
    return {key: _unlabelled(key, value, edition.language) for key, value in shown.items()}


def _unlabelled(key: str, value: Any, language: str) -> Any:
    """*value* with words of the edition's own language under the empty name, which is the same and is not worth saying."""
    if isinstance(value, list):
        return [_unlabelled(key, part, language) for part in value]
    if not isinstance(value, Mapping):
        return value
    if key in _WORDS and language in value:
        own = [*value.get("", []), *value[language]]
        value = {"": own, **{other: texts for other, texts in value.items() if other not in ("", language)}}
    return {name: _unlabelled(name, part, language) for name, part in value.items()}
