"""How long ``cancel`` waits, and what it exits with: the command's own loop, with visits that follow a script."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from agent.cli.cancel import Cancelling, Wait
from agent.cli.context import Globals
from agent.errors import NotCancellable, OrderNotFound, Retryable, TargetMissing, Uncertain
from agent.model import Answer, OrderStage, Reason, ReasonChoice, Stage, Submission
from agent.storefront import ShopWaiting
from tests.engine.bench import NOON, ORDER, OTHER, THIRD, Bench, asks, ends, fails, reads


async def cancel(
    bench: Bench, *requests: Any, wait: Wait = Wait.SUBMITTED, timeout: float | None = None, json: bool = True
) -> int:
    """Run the command's loop over *requests*, and give its exit code."""
    state = Globals(json=json)
    cancelling = Cancelling(state, bench.workshop, wait, timeout)
    cancelling._engine = bench.engine()
    await cancelling.all(requests or [asks()])
    return state.exit_code


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    """The one JSON document on stdout."""
    return json.loads(capsys.readouterr().out)


def stage(bench: Bench) -> Stage:
    return bench.ledger.newest()[0].stage


async def test_by_default_it_waits_until_it_is_submitted(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Once the request is out the command ends, with exit 0 and the stage as it is.
    """
    code = await cancel(bench)

    assert (0, "awaiting_decision") == (code, printed(capsys)["stage"])
    assert ([ORDER], [], []) == (bench.portal.asked, bench.portal.looked, bench.clock.waited)


async def test_wait_none_only_claims(bench: Bench) -> None:
    """
    With ``--wait none`` the request is in the ledger, and nothing else has happened.
    """
    assert 0 == await cancel(bench, wait=Wait.NONE)
    assert (Stage.OPEN, []) == (stage(bench), bench.portal.asked)


async def test_wait_none_while_a_worker_has_just_clicked(bench: Bench) -> None:
    """
    A worker that is at it sees its click to the end: that is on its way. Without one nobody does, and that is uncertain.
    """
    await cancel(bench, wait=Wait.NONE)
    bench.stamper(bench.ledger.newest()[0].orders[0])._arm("cancel.submit")

    with bench.database.locks.worker("worker-1"):
        beside_a_worker = await cancel(bench, wait=Wait.NONE)

    assert (0, 50) == (beside_a_worker, await cancel(bench, wait=Wait.NONE))


async def test_what_was_only_claimed_goes_on_when_asked_again(bench: Bench) -> None:
    """
    The same command without ``--wait none`` does what was left.
    """
    await cancel(bench, wait=Wait.NONE)

    assert 0 == await cancel(bench)
    assert (1, [ORDER]) == (len(bench.ledger.newest()), bench.portal.asked)


async def test_wait_decided_looks_until_there_is_a_decision(bench: Bench) -> None:
    """
    It looks, later each time, until the supplier has answered.
    """
    bench.portal.looks = [reads(Answer.WAITING), reads(Answer.WITHDRAWN)]

    assert 0 == await cancel(bench, wait=Wait.DECIDED)
    assert (Stage.DONE, [120.0, 120.0]) == (stage(bench), bench.clock.waited)


async def test_a_clock_that_is_set_back_keeps_nobody_waiting(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Somebody sets the clock back by an hour while the command waits for its next look: it looks when it meant to.
    """
    bench.portal.looks = [reads(Answer.WITHDRAWN)]
    wait = bench.clock.wait

    async def set_back(seconds: float) -> None:
        await wait(seconds)
        bench.clock.at -= timedelta(hours=1)

    monkeypatch.setattr(bench.clock, "wait", set_back)

    assert 0 == await cancel(bench, wait=Wait.DECIDED)
    assert (Stage.DONE, 120.0) == (stage(bench), sum(bench.clock.waited))


async def test_wait_done_waits_for_a_fulfillment_service(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """
    It goes on waiting for as long as the service is silent, and ends when the shop order is cancelled.
    """
    bench.portal.looks = [reads(Answer.WITHDRAWN)]
    asked = ShopWaiting(what="Zap was asked", since=NOON + timedelta(minutes=2))
    bench.shop.waits = [asked, asked, asked]

    assert 0 == await cancel(bench, asks(shop_order="#1001"), wait=Wait.DONE)
    assert (Stage.DONE, [120.0, 60.0, 60.0, 120.0]) == (stage(bench), [one for one in bench.clock.waited if one])
    assert 1 == len(bench.shop.cancelled)


@pytest.mark.parametrize("wait", [Wait.SUBMITTED, Wait.DECIDED])
async def test_a_silent_fulfillment_service_is_on_its_way(
    bench: Bench, capsys: pytest.CaptureFixture[str], wait: Wait
) -> None:
    """
    Nothing is wrong: exit 0 and no error; a person is told who is waited for, and when it is looked at again.
    """
    bench.portal.acts = [ends(Submission.CANCELLED_AT_ONCE)]
    bench.shop.waits = [ShopWaiting(what="Zap was asked, and has not answered")]

    assert 0 == await cancel(bench, asks(shop_order="#1001"), wait=wait, json=False)

    told = capsys.readouterr().err
    assert (Stage.SETTLING, None) == (stage(bench), bench.ledger.newest()[0].error)
    assert "Zap was asked, and has not answered" in told
    assert "it is looked at again at 2026-11-20" in told
    assert [] == bench.shop.cancelled


async def test_wait_done_waits_for_the_shop(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """
    With a shop order, done means that the shop order was cancelled.
    """
    bench.portal.looks = [reads(Answer.WITHDRAWN)]

    assert 0 == await cancel(bench, asks(shop_order="#1001"), wait=Wait.DONE)
    assert ("done", "cancelled") == ((document := printed(capsys))["stage"], document["shop"]["stage"])


async def test_a_timeout_ends_the_waiting(bench: Bench) -> None:
    """
    A silent supplier: after the time that was given the command ends, with exit 0 and the stage as it is.
    """
    assert 0 == await cancel(bench, wait=Wait.DECIDED, timeout=500)
    assert (Stage.AWAITING_DECISION, 500.0) == (stage(bench), sum(bench.clock.waited))
    assert 3 == len(bench.portal.looked)


async def test_a_timeout_does_not_stop_a_visit(bench: Bench) -> None:
    """
    However short the time is, what is due now is done.
    """
    assert 0 == await cancel(bench, wait=Wait.DONE, timeout=0)
    assert ([ORDER], Stage.AWAITING_DECISION) == (bench.portal.asked, stage(bench))


async def test_a_timeout_within_quiet_is_uncertain(bench: Bench) -> None:
    """
    When the time is over before anybody could look, the exit code says that it may have been submitted.
    """
    bench.portal.acts = [fails(Retryable("no answer"), after="arm")]

    assert 50 == await cancel(bench, timeout=60)
    assert ([], 60.0) == (bench.portal.looked, sum(bench.clock.waited))


async def test_after_a_click_without_an_outcome_it_waits_and_looks(bench: Bench) -> None:
    """
    An unclear click is cleared up by the command itself: QUIET, a look, and it goes on from there.
    """
    bench.portal.acts = [fails(TargetMissing("no outcome"), after="arm")]
    bench.portal.looks = [reads(Answer.WAITING)]

    assert 0 == await cancel(bench)
    assert (Stage.AWAITING_DECISION, 120.0) == (stage(bench), sum(bench.clock.waited))
    assert [ORDER] == bench.portal.asked


async def test_uncertain_is_looked_at_again_by_the_same_command(bench: Bench) -> None:
    """
    What ended as uncertain and is asked for again is waited for and looked at, as its own next step promises.
    """
    bench.portal.acts = [fails(Uncertain("no outcome"), after="arm")]
    bench.portal.looks = [reads(Answer.NOT_REQUESTED)]
    first = await cancel(bench)
    bench.portal.looks = [reads(Answer.WAITING)]

    second = await cancel(bench)

    assert (50, 0) == (first, second)
    assert [120.0, 120.0] == bench.clock.waited
    assert (Stage.AWAITING_DECISION, [ORDER]) == (stage(bench), bench.portal.asked)


async def test_uncertain_that_stays_uncertain_ends(bench: Bench) -> None:
    """
    Looked at twice, and still no request: the command ends with 50 both times, and never clicks again.
    """
    bench.portal.acts = [fails(Uncertain("no outcome"), after="arm")]
    bench.portal.looks = [reads(Answer.NOT_REQUESTED), reads(Answer.NOT_REQUESTED)]

    assert [50, 50] == [await cancel(bench), await cancel(bench)]
    assert ([ORDER], 2) == (bench.portal.asked, len(bench.portal.looked))


async def test_a_portal_that_is_down_after_a_click_ends_it_as_uncertain(bench: Bench) -> None:
    """
    When nobody can look after a click, the command does not wait for ever: it says that it is uncertain.
    """
    bench.portal.acts = [fails(Retryable("no answer"), after="arm")]
    bench.portal.looks = [Retryable("the portal is down") for _ in range(50)]

    assert 50 == await cancel(bench)
    assert 1 == len(bench.portal.looked)


async def test_a_portal_that_is_down_is_tried_later(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Nothing was submitted and the portal does not answer: exit 10 at once, whatever was to be waited for.
    """
    bench.portal.acts = [fails(Retryable("the portal is down"))]

    assert 10 == await cancel(bench, wait=Wait.DONE)
    assert ("open", "retryable") == ((document := printed(capsys))["stage"], document["error"]["kind"])
    assert [] == bench.clock.waited


async def test_a_portal_that_is_down_while_waiting_is_waited_for(bench: Bench) -> None:
    """
    Once the request is out, a look that fails is followed by another one.
    """
    bench.portal.looks = [Retryable("the portal is down"), reads(Answer.WITHDRAWN)]

    assert 0 == await cancel(bench, wait=Wait.DECIDED)
    assert Stage.DONE == stage(bench)


# -- several


async def test_several_results_stand_in_the_order_they_were_asked_for(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Each order has its own result, in the order of the command line, also where one could not be asked for.
    """
    await cancel(bench, asks(OTHER, reason=ReasonChoice(key=Reason.DUPLICATE)), wait=Wait.NONE)
    capsys.readouterr()

    code = await cancel(bench, asks(ORDER), asks(OTHER), asks(THIRD))

    results = printed(capsys)["results"]
    assert 2 == code
    assert [[ORDER], [], [THIRD]] == [[order["order_id"] for order in result["orders"]] for result in results]
    assert [None, "bad_input", None] == [(result["error"] or {}).get("kind") for result in results]


async def test_the_exit_code_of_several_is_the_worst(bench: Bench) -> None:
    """
    One refused, one to be tried later, one fine: 40 is worse than 10, which is worse than 0.
    """
    bench.portal.acts = [fails(Retryable("no answer")), fails(NotCancellable("it was shipped"))]

    assert 40 == await cancel(bench, asks(ORDER), asks(OTHER), asks(THIRD))
    assert {OrderStage.QUEUED, OrderStage.NOT_CANCELLABLE, OrderStage.AWAITING_DECISION} == {
        one.orders[0].stage for one in bench.ledger.newest()
    }


async def test_people_read_what_happened_and_what_to_do(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Without ``--json`` the result is on stdout for people, and the sentence with its next step on stderr.
    """
    bench.portal.acts = [fails(OrderNotFound("this account has no such order", next="Check the number."))]

    assert 40 == await cancel(bench, json=False)
    out, err = capsys.readouterr()
    assert "refused" in out
    assert ORDER in out
    assert "order not found: this account has no such order. Nothing was submitted." in " ".join(err.split())
    assert "next: Check the number." in err
