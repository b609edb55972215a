"""
Which supplier orders a shop order names, and which shop orders name a supplier order.

Apps write the supplier's number where the merchant told them to: a line of the note (``Aliexpress Order ID: 8190…``), a
custom attribute (``Aliexpress Order #8190…`` with the order's address), a tag that is the bare number, or a metafield.

The note and the attributes may hold anything a customer or a colleague wrote. Only what has the form of a number leaves
this file; the texts are neither logged nor kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from pydantic import JsonValue, TypeAdapter, ValidationError

from agent.errors import BadInput, Retryable, Uncertain
from agent.storefront import NamingOrder, Noted, Source, SupplierNumber
from flows.shopify.client import ShopifyClient
from flows.shopify.lookup import gone, search_orders
from flows.shopify.operations import READ_NUMBERS, SET_METAFIELD
from flows.shopify.replies import MetafieldSet, MetafieldState, NamedNumbers, NumbersRead, words_of

LIST_TYPE = "list.single_line_text_field"
"""The type of a metafield that we make."""
_TEXTS = TypeAdapter(list[str | int])
_SEPARATORS = re.compile(r"[\s,;]+")
_MOST = 10
"""A number that more orders than these seem to have is no supplier order's number."""
_STALE = "STALE_OBJECT"
_TRIES = 3


async def read_numbers(client: ShopifyClient, gid: str) -> tuple[SupplierNumber, ...]:
    """
    What may be numbers of supplier orders in the order *gid*, each once per place.

    :raises BadInput: there is no such order.
    """
    return _numbers_in(client, await _read(client, gid))


async def find_orders_naming(client: ShopifyClient, number: str) -> tuple[NamingOrder, ...]:
    """
    The orders whose metafield or tags name *number*. A shop cannot be searched by note or attribute.

    What the search finds is read and compared here, as it may find more than was asked for.

    :raises BadInput: too many seem to, or the shop did not understand the search.
    """
    metafield = client.settings.numbers.metafield
    searches = [f'metafields.{metafield}:"{number}"'] if metafield else []
    if "tags" in client.settings.numbers.read:
        searches.append(f'tag:"{number}"')
    found = {}
    for query in searches:
        for order in await search_orders(client, query, number):
            found[order.id] = order.name
    if len(found) > _MOST:
        raise BadInput(
            f"{len(found)} orders of the shop {client.settings.domain} seem to name {number}",
            next="Name the shop order that is meant: --shop-order '#1001'.",
        )
    naming = []
    for gid, name in found.items():
        for one in await read_numbers(client, gid):
            if one.number == number:
                naming.append(NamingOrder(gid=gid, name=name, source=one.source))
    return tuple(naming)


async def note_number(client: ShopifyClient, gid: str, number: str) -> Noted:
    """
    Add *number* to the order's metafield, if the settings name one and allow to write it.

    The shop compares what we read with what is there: whoever changes it in between wins, and we read it again.

    :raises BadInput: there is something in it that is no list of ours, or the shop refuses.
    :raises Retryable: it was not written, or is being changed all the time.
    """
    numbers = client.settings.numbers
    if not numbers.metafield or not numbers.write:
        return Noted.OFF
    for _ in range(_TRIES):
        order = await _read(client, gid)
        there = order.metafield
        if there is not None and number in _listed(there.value):
            return Noted.ALREADY
        try:
            sent = await client.change(SET_METAFIELD, _setting(client, gid, there, number), MetafieldSet)
        except Uncertain as lost:
            after = (await _read(client, gid)).metafield
            if after is not None and number in _listed(after.value):
                return Noted.WRITTEN
            raise Retryable(f"{lost.what} when it was told to note {number}, and it is not noted") from lost
        refusals = sent.metafields_set.user_errors
        if not refusals:
            return Noted.WRITTEN
        if not any(one.code == _STALE for one in refusals):
            raise BadInput(
                f"the shop refuses to note {number} in the metafield {numbers.metafield} of {order.name}: {words_of(refusals)}",
                next="Look at the metafield's definition in the shop's admin, or set write = false in numbers.",
            )
    raise Retryable(f"the metafield {numbers.metafield} of the order is being changed by somebody else all the time")


def _setting(client: ShopifyClient, gid: str, there: MetafieldState | None, number: str) -> dict[str, JsonValue]:
    metafield = client.settings.numbers.metafield
    if there is not None and there.type != LIST_TYPE:
        raise BadInput(
            f"the metafield {metafield} has the type {there.type}, to which no number can be added",
            next=f"Name a metafield of the type {LIST_TYPE} in numbers, or set write = false there.",
        )
    namespace, key = metafield.split(".")
    before = _listed(there.value) if there else []
    return {
        "metafields": [
            {
                "ownerId": gid,
                "namespace": namespace,
                "key": key,
                "type": LIST_TYPE,
                "value": json.dumps([*before, number]),
                "compareDigest": there.compare_digest if there else None,  # null: only if there is none yet
            }
        ]
    }


async def _read(client: ShopifyClient, gid: str) -> NamedNumbers:
    namespace, _, key = client.settings.numbers.metafield.partition(".")
    variables: dict[str, JsonValue] = {
        "id": gid,
        "namespace": namespace,
        "key": key,
        "withMetafield": bool(namespace),
    }
    answered = await client.read(READ_NUMBERS, variables, NumbersRead)
    if answered.data.order is None:
        raise gone(client, gid)
    return answered.data.order


def _numbers_in(client: ShopifyClient, order: NamedNumbers) -> tuple[SupplierNumber, ...]:
    settings = client.settings.numbers
    patterns = [re.compile(pattern) for pattern in settings.patterns]
    found = [(Source.METAFIELD, number) for number in (_listed(order.metafield.value) if order.metafield else ())]
    if "note" in settings.read:
        found += [(Source.NOTE, number) for number in _matches(patterns, [order.note or ""])]
    if "attributes" in settings.read:
        texts = (text or "" for one in order.custom_attributes for text in (one.key, one.value))
        found += [(Source.ATTRIBUTE, number) for number in _matches(patterns, texts)]
    if "tags" in settings.read:
        found += [(Source.TAG, number) for number in _matches(patterns, order.tags)]
    return tuple(SupplierNumber(number=number, source=source) for source, number in dict.fromkeys(found))


def _listed(value: str) -> list[str]:
    """The numbers in a metafield: a JSON list, or a text with commas, spaces or lines between them."""
    try:
        return [str(one) for one in _TEXTS.validate_json(value)]
    except ValidationError:
        return [part for part in _SEPARATORS.split(value.strip()) if part]


def _matches(patterns: Iterable[re.Pattern[str]], texts: Iterable[str]) -> Iterator[str]:
    """What the patterns find: their first group, or all of it where they have none."""
    searched = list(texts)
    for pattern in patterns:
        for text in searched:
            for match in pattern.finditer(text):
                number = match[1] if pattern.groups else match[0]
                if number:
                    yield number
