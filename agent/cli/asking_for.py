"""
What a typed command leaves out, and no policy answers, is asked for at the terminal: one question after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.cli.asked import Asked, left_out
from agent.model import Reason, Refund, ShopReason

if TYPE_CHECKING:
    from agent.settings import Settings
    from agent.walk import Person

_YES_OR_NO: Sequence[tuple[object, str]] = ((True, "yes"), (False, "no"))
_QUESTIONS: dict[str, tuple[str, Sequence[tuple[object, str]]]] = {
    "reason": (
        "Why is it cancelled, for the supplier? Some reasons count against the seller.",
        [(reason, reason.value.replace("_", " ")) for reason in Reason],
    ),
    "refund": (
        "Refund the customer with the cancellation?",
        [
            (Refund.NOW, "now: by the original payment method"),
            (Refund.LATER, "later: the money stays until you refund it in the shop's admin"),
        ],
    ),
    "shop_reason": (
        "Why is the shop order cancelled, for the shop?",
        [(reason, reason.value) for reason in ShopReason],
    ),
    "restock": ("Put the items back into stock?", _YES_OR_NO),
    "notify": ("Tell the customer?", _YES_OR_NO),
}


async def ask_for_what_is_missing(person: Person, settings: Settings, asked: Asked) -> Asked:
    """
    *asked* with the person's answers. One that is not given ends the questions: what is missing is then said as it is
    where nobody can be asked.
    """
    for name in left_out(settings, asked):
        question, options = _QUESTIONS[name]
        chosen = await person.choose(question, [words for _, words in options])
        if chosen is None:
            return asked
        asked = asked.model_copy(update={name: options[chosen][0]})
    return asked
