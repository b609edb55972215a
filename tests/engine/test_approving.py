"""A person's yes before an order is submitted: when it is asked for, what it is for, and that silence is no."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import select

from agent.engine.approving import asks, covers
from agent.engine.deciding import abandon, approve, ask_again, retry
from agent.engine.money import read_money
from agent.engine.records import Cancellation
from agent.engine.tables import ApprovalRow
from agent.errors import ApprovalNeeded, BadInput, ConfirmationNeeded, NotCancellable
from agent.model import ErrorKind, OrderStage, Stage
from agent.settings import Above, ApprovalPolicy
from tests.engine.bench import ORDER, OTHER, Bench, Somebody, fails

ABOVE_50 = Above(above=Decimal(50), currency="USD")


@pytest.mark.parametrize(
    "policy, total, expected",
    [
        ("never", "US $1,000.00", False),
        ("never", "", False),
        ("always", "US $0.01", True),
        ("always", "", True),
        (ABOVE_50, "US $49.99", False),
        (ABOVE_50, "US $50.00", False),
        (ABOVE_50, "US $50.01", True),
        (ABOVE_50, "€ 1,00", True),
        (ABOVE_50, "$1.00", True),
        (ABOVE_50, "", True),
    ],
)
def test_what_asks(policy: ApprovalPolicy, total: str, expected: bool) -> None:
    """
    Above the limit, in another currency, or unreadable.
    """
    assert expected == asks(policy, read_money(total))


@pytest.mark.parametrize(
    "approved, total, expected",
    [
        ("US $50.01", "US $50.01", True),
        ("US $50.01", "US $49.00", True),
        ("US $50.01", "US $50.02", False),
        ("US $50.01", "€ 50,01", False),
        ("US $50.01", "", False),
        ("", "US $50.01", False),
        ("", "", True),
    ],
)
def test_what_a_yes_is_for(approved: str, total: str, expected: bool) -> None:
    """
    As much as the person was told of, or less, in the same currency.
    """
    assert expected == covers(read_money(approved), read_money(total))


@pytest.fixture
def careful(bench: Bench) -> Bench:
    """Nothing is submitted without a yes."""
    return under(bench, "always")


def under(bench: Bench, policy: ApprovalPolicy) -> Bench:
    """The bench with another policy."""
    bench.workshop.settings = bench.settings = bench.settings.model_copy(update={"approval": policy})
    return bench


async def due(bench: Bench) -> None:
    """Do the next visit of everything that is due."""
    await bench.engine().advance(bench.clock.now())


def stands(bench: Bench, one: Cancellation) -> tuple[Stage, ErrorKind | None]:
    """Stage and error of *one* as they are now."""
    now = bench.again(one)
    return now.stage, now.error.kind if now.error else None


async def test_nothing_is_submitted_until_a_yes(careful: Bench) -> None:
    """
    The visit stops before the first commit, says how to go on, and whatever is due later does nothing; the yes submits once.
    """
    one = careful.claim()
    await due(careful)
    careful.clock.forward(100_000)
    await due(careful)

    assert (Stage.NEEDS_OPERATOR, ErrorKind.APPROVAL_NEEDED) == stands(careful, one)
    now = careful.again(one)
    assert now.error is not None
    assert f"countermand approve {one.id}" in now.error.next
    assert "USD 20.90" in now.error.message
    assert "Nothing was submitted" in now.error.message
    assert ([], 20, [ORDER]) == (careful.stamps(), careful.exit_code(one), careful.portal.asked)

    assert [(ORDER, "USD 20.90")] == approve(careful.workshop, one.id)
    await due(careful)

    assert OrderStage.AWAITING_DECISION == careful.again(one).orders[0].stage
    assert [(1, "answered", 3)] == careful.stamps()


async def test_a_yes_is_recorded(careful: Bench) -> None:
    """
    Who, when, to which order and how much: an event, and a row that the next visit reads.
    """
    one = careful.claim()
    await due(careful)
    careful.clock.forward(60)
    approve(careful.workshop, one.id)

    [event] = [event for event in careful.ledger.events(one.id) if event.what == "approved"]
    assert (careful.clock.now(), "operator", ORDER) == (event.at, event.actor, event.order_id)
    assert {"costs": "USD 20.90"} == event.detail
    with careful.database.reading() as session:
        rows = [(row.order_id, row.how, row.attempt, row.amount) for row in session.scalars(select(ApprovalRow))]
    assert [(ORDER, "approve", 1, "20.90")] == rows


@pytest.mark.parametrize("total", ["US $20.91", "€ 20,90", ""])
async def test_another_amount_asks_again(careful: Bench, total: str) -> None:
    """
    More, another currency, or no longer readable: the yes was not for that.
    """
    one = careful.claim()
    await due(careful)
    approve(careful.workshop, one.id)
    careful.portal.total = total
    await due(careful)

    assert (Stage.NEEDS_OPERATOR, ErrorKind.APPROVAL_NEEDED) == stands(careful, one)
    assert [] == careful.stamps()

    approve(careful.workshop, one.id)
    await due(careful)

    assert OrderStage.AWAITING_DECISION == careful.again(one).orders[0].stage


async def test_the_limit_is_not_above_itself(bench: Bench) -> None:
    """
    At 50.00 nobody is asked; at 50.01 somebody is.
    """
    under(bench, ABOVE_50).portal.total = "US $50.00"
    at = bench.claim(ORDER)
    await due(bench)
    bench.portal.total = "US $50.01"
    above = bench.claim(OTHER)
    await due(bench)

    assert (Stage.AWAITING_DECISION, None) == stands(bench, at)
    assert (Stage.NEEDS_OPERATOR, ErrorKind.APPROVAL_NEEDED) == stands(bench, above)


async def test_each_order_has_its_own_yes(careful: Bench) -> None:
    """
    Of two orders that are withdrawn together the first waits, and after its yes the second.
    """
    one = careful.claim(ORDER, OTHER)
    await due(careful)
    assert [(ORDER, "USD 20.90")] == approve(careful.workshop, one.id)
    await due(careful)
    await due(careful)

    assert (Stage.NEEDS_OPERATOR, ErrorKind.APPROVAL_NEEDED) == stands(careful, one)
    assert [(OTHER, "USD 20.90")] == approve(careful.workshop, one.id)


async def test_approving_twice(careful: Bench) -> None:
    """
    The second yes finds nothing that waits: exit 2, and nothing more is recorded.
    """
    one = careful.claim()
    await due(careful)
    approve(careful.workshop, one.id)
    events = careful.ledger.events(one.id)

    with pytest.raises(BadInput, match=f"nothing of cancellation {one.id} waits for an approval: it is open"):
        approve(careful.workshop, one.id)

    assert events == careful.ledger.events(one.id)


async def test_nothing_waits(bench: Bench) -> None:
    """
    What goes on by itself, is given up, or does not exist cannot be approved.
    """
    one = bench.claim()
    with pytest.raises(BadInput, match="waits for an approval: it is open"):
        approve(bench.workshop, one.id)
    await due(bench)
    with pytest.raises(BadInput, match="it is awaiting decision"):
        approve(bench.workshop, one.id)
    with pytest.raises(BadInput, match="there is no cancellation"):
        approve(bench.workshop, "c-nothing")


async def test_what_was_given_up_is_not_approved(careful: Bench) -> None:
    """
    Abandoned while it waited: the yes comes too late.
    """
    one = careful.claim()
    await due(careful)
    abandon(careful.workshop, one.id)

    with pytest.raises(BadInput, match="it is abandoned"):
        approve(careful.workshop, one.id)


async def test_another_stop_is_not_answered_by_a_yes(bench: Bench) -> None:
    """
    A yes to the submit mends no sign-in, and confirms no target.
    """
    one = bench.claim()
    bench.portal.acts = [fails(ConfirmationNeeded("the button is only assumed"))]
    await due(bench)

    with pytest.raises(BadInput, match="it is needs operator"):
        approve(bench.workshop, one.id)
    assert (Stage.NEEDS_OPERATOR, ErrorKind.CONFIRMATION_NEEDED) == stands(bench, one)


async def test_a_no_at_the_terminal_may_become_a_yes(bench: Bench) -> None:
    """
    With ``--ask`` nobody said yes: ``approve`` says it, and the order is submitted.
    """
    one = bench.claim()
    bench.portal.acts = [fails(ApprovalNeeded("nobody said yes"))]
    await due(bench)

    assert [(ORDER, None)] == approve(bench.workshop, one.id)
    await due(bench)
    assert OrderStage.AWAITING_DECISION == bench.again(one).orders[0].stage


async def test_retry_asks_again(careful: Bench) -> None:
    """
    ``retry`` is no yes: the visit stops at the same place, and the yes may still be given.
    """
    one = careful.claim()
    await due(careful)
    retry(careful.workshop, one.id)
    await due(careful)

    assert (Stage.NEEDS_OPERATOR, ErrorKind.APPROVAL_NEEDED) == stands(careful, one)
    assert ([], 2) == (careful.stamps(), len(careful.portal.asked))
    assert [(ORDER, "USD 20.90")] == approve(careful.workshop, one.id)


async def test_a_further_attempt_needs_its_own_yes(careful: Bench) -> None:
    """
    The yes was for the attempt that came to nothing.
    """
    one = careful.claim()
    await due(careful)
    approve(careful.workshop, one.id)
    careful.portal.acts = [fails(NotCancellable("it was shipped"))]
    await due(careful)
    careful.workshop.person = Somebody(yes=True)
    await ask_again(careful.workshop, one.id)
    await due(careful)

    assert (Stage.NEEDS_OPERATOR, ErrorKind.APPROVAL_NEEDED) == stands(careful, one)
    assert [] == careful.stamps()
