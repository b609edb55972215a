"""Errors, sorted by who acts next: kinds, exit codes, sentences."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent import errors
from agent.errors import EXIT_CODES, BadInput, CountermandError, Refused, Retryable, Uncertain, UnknownPage
from agent.model import ErrorKind, OrderStage, Stage


def families(kind: type[CountermandError] = CountermandError) -> Iterator[type[CountermandError]]:
    for family in kind.__subclasses__():
        yield family
        yield from families(family)


@pytest.mark.parametrize("kind", [*families()], ids=lambda kind: kind.__name__)
def test_every_error_has_a_kind_and_its_exit_code(kind: type[CountermandError]) -> None:
    """
    The exit code of an error is the one that its kind stands for; a refusal by the shop's guard is a refusal.
    """
    expected = 40 if issubclass(kind, Refused) else EXIT_CODES[kind.kind]

    assert expected == kind.exit_code


def test_every_kind_has_an_exit_code() -> None:
    """
    No kind of error is without an exit code, and they are those of the design.
    """
    assert set(ErrorKind) == set(EXIT_CODES)
    assert {1, 2, 10, 20, 30, 40, 50} == set(EXIT_CODES.values())
    assert (0, 1, 130) == (errors.EXIT_OK, errors.EXIT_BUG, errors.EXIT_CTRL_C)


def test_a_message_says_what_where_and_what_was_done() -> None:
    """
    What happened, the place it happened at, what was done so far; the order and its state stand in the sentence already.
    """
    error = UnknownPage(
        "cannot find the list of reasons", target="cancel.reason", edition="2026-11-20", order="1", state="placed"
    )
    error.facts["step"] = "choose the reason"
    error.done_so_far = "Nothing was submitted."

    assert (
        (
            "cannot find the list of reasons (target cancel.reason, edition 2026-11-20, step choose the reason). "
            "Nothing was submitted."
        )
        == error.message
        == str(error)
    )


@pytest.mark.parametrize("what, expected", [("no", "no."), ("no.", "no."), ("no!", "no!"), ("no?", "no?")])
def test_a_sentence_ends_once(what: str, expected: str) -> None:
    """
    A full stop is added only where none is.
    """
    assert expected == BadInput(what).message


def test_what_is_not_known_is_not_said() -> None:
    """
    A fact without a value is left out.
    """
    assert "lost." == UnknownPage("lost", page=None, edition=None).message


@pytest.mark.parametrize("kind", [Retryable, Uncertain])
def test_some_families_know_their_next_step(kind: type[CountermandError]) -> None:
    """
    Trying later and looking again are said even where nobody wrote it; what is written wins.
    """
    assert "Give the same command again" in kind("x").report().next
    assert "Look." == kind("x", next="Look.").report().next


def test_a_report_is_what_people_and_machines_read() -> None:
    """
    Kind, message and next step, as the result object shows them.
    """
    report = BadInput("the note is too long", next="Shorten it.").report()

    assert {"kind": "bad_input", "message": "the note is too long.", "next": "Shorten it."} == report.model_dump(
        mode="json"
    )


def test_an_order_is_withdrawn_denied_or_open() -> None:
    """
    Every stage of an order is one of the three, and only the first two are decided.
    """
    withdrawn = {stage for stage in OrderStage if stage.is_withdrawn}
    denied = {stage for stage in OrderStage if stage.is_denied}

    assert ({OrderStage.APPROVED, OrderStage.ALREADY_CANCELLED}, {OrderStage.REFUSED, OrderStage.NOT_CANCELLABLE}) == (
        withdrawn,
        denied,
    )
    assert withdrawn | denied == {stage for stage in OrderStage if stage.is_decided}


def test_a_final_stage_is_moved_by_nobody_but_a_person() -> None:
    """
    Done, refused and abandoned are over; what needs an operator is not.
    """
    assert {Stage.DONE, Stage.REFUSED, Stage.ABANDONED} == {stage for stage in Stage if stage.is_final}
