"""
What staff see on a shop order that we have cancelled: a tag, and a text in a metafield of its own.

Not the order's note: ``orderUpdate`` replaces the whole note and knows no "only if it still says this", so whatever somebody typed
between our reading and our writing would be lost. ``tagsAdd`` only adds, and ``metafieldsSet`` with an empty ``compareDigest``
writes only where nothing is.
"""

from __future__ import annotations

from pydantic import JsonValue

from agent.errors import BadInput, CountermandError
from agent.storefront import Marks
from flows.shopify.client import ShopifyClient
from flows.shopify.lookup import gone
from flows.shopify.operations import ADD_TAGS, READ_MARKS, SET_METAFIELD
from flows.shopify.replies import MarkedOrder, MarksRead, MetafieldSet, TagsAdded, UserError, words_of

_TYPE = "multi_line_text_field"
_SOMEBODY_WAS_FASTER = ("STALE_OBJECT", "INVALID_COMPARE_DIGEST")
_NO_FIELD = "countermand.none"


async def mark_order(client: ShopifyClient, gid: str, marks: Marks) -> tuple[str, ...]:
    """
    Add the tag and write the text, each unless it is there. Safe to call again: it looks first.

    :returns: what was left out for good: the field holds a text that is not ours.
    :raises BadInput: there is no such order, or the shop will not write one of the two; the other one is tried all the same.
    :raises Retryable, SignInNeeded, Uncertain: as the client.
    """
    order = await _read(client, gid, marks)
    failed: CountermandError | None = None
    try:
        await _add_tag(client, gid, marks, order)
    except CountermandError as error:
        failed = error
    left_out = await _write_text(client, gid, marks, order)
    if failed is not None:
        raise failed
    return left_out


async def _read(client: ShopifyClient, gid: str, marks: Marks) -> MarkedOrder:
    namespace, key = _split(marks.metafield or _NO_FIELD)
    variables: dict[str, JsonValue] = {
        "id": gid,
        "namespace": namespace,
        "key": key,
        "withMetafield": marks.metafield is not None,
    }
    answered = await client.read(READ_MARKS, variables, MarksRead)
    if answered.data.order is None:
        raise gone(client, gid)
    return answered.data.order


async def _add_tag(client: ShopifyClient, gid: str, marks: Marks, order: MarkedOrder) -> None:
    if marks.tag is None or marks.tag.casefold() in (tag.casefold() for tag in order.tags):
        return
    answer = await client.change(ADD_TAGS, {"id": gid, "tags": [marks.tag]}, TagsAdded)
    _refuse(answer.tags_add.user_errors, f"add the tag {marks.tag} to {order.name}", "tag")


async def _write_text(client: ShopifyClient, gid: str, marks: Marks, order: MarkedOrder) -> tuple[str, ...]:
    if marks.metafield is None or (order.metafield is not None and order.metafield.value == marks.text):
        return ()
    kept = (f"the metafield {marks.metafield} of {order.name} holds another text, which was left as it is",)
    if order.metafield is not None:
        return kept
    namespace, key = _split(marks.metafield)
    field = {"ownerId": gid, "namespace": namespace, "key": key, "type": _TYPE, "value": marks.text}
    answer = await client.change(SET_METAFIELD, {"metafields": [{**field, "compareDigest": None}]}, MetafieldSet)
    errors = answer.metafields_set.user_errors
    if any(error.code in _SOMEBODY_WAS_FASTER for error in errors):
        return kept
    _refuse(errors, f"write the metafield {marks.metafield} of {order.name}", "metafield")
    return ()


def _refuse(errors: tuple[UserError, ...], what: str, setting: str) -> None:
    if errors:
        raise BadInput(f"the shop does not {what}: {words_of(errors)}", next=f"Correct {setting} in the shop's policy.")


def _split(metafield: str) -> tuple[str, str]:
    namespace, _, key = metafield.partition(".")
    return namespace, key
