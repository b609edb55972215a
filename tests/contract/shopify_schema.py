"""
Shopify's published schema, cut down to what we speak of: whole, it has thousands of types and takes seconds to build.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from graphql import GraphQLSchema, build_client_schema, build_schema, introspection_from_schema

ROOT = Path(__file__).parents[2]
VARIABLE = "SHOPIFY_SCHEMA"
"""Names the schema's file, or a folder of them, where it is not in the cache of ``scripts/shopify-schema``."""
_CACHE = ROOT / ".cache" / "shopify-schema"
_VERSION = re.compile(r"\d{4}-\d{2}|unstable")
_CLOSED = ("2025-10",)
"""Versions that are published, and no longer answered."""

Named = dict[str, Any]
"""A part of an introspection: a type, a field, an argument."""


def published() -> dict[str, Path]:
    """
    The files of the schema by version; none, if nobody has fetched them. A file is introspection JSON (``.json``,
    ``.json.gz``) or SDL (``.graphql``), and has the version in its name.
    """
    place = Path(os.environ.get(VARIABLE) or _CACHE)
    files = sorted(place.glob("admin_*.json.gz")) if place.is_dir() else [place] if place.is_file() else []
    found = {match[0]: file for file in files if (match := _VERSION.search(file.name))}
    return {version: file for version, file in found.items() if version not in _CLOSED}


@cache
def types_of(file: Path) -> dict[str, Named]:
    """Every type in *file* by name, as introspection tells it."""
    return {kind["name"]: kind for kind in _introspected(file)["types"]}


def cut_down(file: Path, output: frozenset[str]) -> GraphQLSchema:
    """
    A schema with the types named in *output*, their fields that lead to each other, and all that may be sent to them.
    An argument that Shopify requires stays, whatever its type.
    """
    types = types_of(file)
    kept = {name: dict(types[name]) for name in output if name in types}
    for kind in kept.values():
        kind["fields"] = [field for field in kind["fields"] or () if _base(field["type"]) in kept] or None
        kind["interfaces"] = [one for one in kind["interfaces"] or () if one["name"] in kept]
        kind["possibleTypes"] = [one for one in kind["possibleTypes"] or () if one["name"] in kept] or None
    sent = [_base(one["type"]) for kind in kept.values() for one in _inputs(kind)]
    while sent:
        name = sent.pop()
        if name not in kept:
            kept[name] = types[name]
            sent += [_base(one["type"]) for one in _inputs(types[name])]
    whole = _introspected(file)
    directives = [one for one in whole["directives"] if all(_base(each["type"]) in kept for each in one["args"])]
    roots = {key: whole[key] if whole[key] and whole[key]["name"] in kept else None for key in _ROOTS}
    schema: Any = {"__schema": {**roots, "types": list(kept.values()), "directives": directives}}
    return build_client_schema(schema, assume_valid=True)


def differences(ours: GraphQLSchema, theirs: dict[str, Named]) -> list[str]:
    """
    What *ours* has and *theirs* has not, or has otherwise: types, fields, arguments, enum values, nullability.
    An argument that they require and we do not know is a difference, too.
    """
    introspected: Any = introspection_from_schema(ours)
    found: list[str] = []
    for kind in introspected["__schema"]["types"]:
        name = kind["name"]
        if name.startswith("__"):
            continue
        if name not in theirs or kind["kind"] != theirs[name]["kind"]:
            found.append(f"{kind['kind']} {name}")
            continue
        other = theirs[name]
        known = {field["name"]: field for field in other["fields"] or ()}
        for field in kind["fields"] or ():
            place = f"{name}.{field['name']}"
            if field["name"] not in known:
                found.append(place)
                continue
            found += _unlike(place, field["type"], known[field["name"]]["type"])
            found += _unlike_inputs(place, field["args"], known[field["name"]]["args"])
        found += _unlike_inputs(name, kind["inputFields"] or [], other["inputFields"] or [])
        for part in ("enumValues", "interfaces"):
            there = {one["name"] for one in other[part] or ()}
            found += [f"{name}.{one['name']}" for one in kind[part] or () if one["name"] not in there]
    return found


_ROOTS = ("queryType", "mutationType", "subscriptionType")


@cache
def _introspected(file: Path) -> Named:
    if file.suffix == ".graphql":
        spoken: Any = introspection_from_schema(build_schema(file.read_text("utf-8"), assume_valid=True))
        schema: Named = spoken["__schema"]
        return schema
    content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    read: Named = json.loads(content)["data"]["__schema"]
    return read


def _inputs(kind: Named) -> Iterator[Named]:
    """Everything that may be sent to a type."""
    yield from kind["inputFields"] or ()
    for field in kind["fields"] or ():
        yield from field["args"]


def _base(reference: Named) -> str:
    while reference["ofType"]:
        reference = reference["ofType"]
    return str(reference["name"])


def _written(reference: Named) -> str:
    match reference["kind"]:
        case "NON_NULL":
            return f"{_written(reference['ofType'])}!"
        case "LIST":
            return f"[{_written(reference['ofType'])}]"
        case _:
            return str(reference["name"])


def _unlike(place: str, ours: Named, theirs: Named) -> list[str]:
    return [f"{place}: {_written(ours)}, not {_written(theirs)}"] if _written(ours) != _written(theirs) else []


def _unlike_inputs(place: str, ours: list[Named], theirs: list[Named]) -> list[str]:
    there = {one["name"]: one for one in theirs}
    here = {one["name"] for one in ours}
    found = [f"{place}({one['name']})" for one in ours if one["name"] not in there]
    for one in ours:
        if one["name"] in there:
            found += _unlike(f"{place}({one['name']})", one["type"], there[one["name"]]["type"])
    required = (one for one in theirs if one["type"]["kind"] == "NON_NULL" and one["defaultValue"] is None)
    return found + [f"{place}({one['name']}) is required" for one in required if one["name"] not in here]
