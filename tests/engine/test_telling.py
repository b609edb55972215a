"""Telling people of what comes about: once each, whatever fails or is started anew, and never in the way of the work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import get_args

import pytest
from pydantic import SecretStr

from agent.engine.deciding import abandon, approve
from agent.engine.notices import TRIES, Notices
from agent.engine.telling import Teller
from agent.errors import (
    ApprovalNeeded,
    CountermandError,
    PortalChanged,
    Refused,
    Retryable,
    SignInNeeded,
    Uncertain,
)
from agent.model import Answer, OrderStage, Stage, Submission
from agent.notify import Address
from agent.settings import NotifyOn
from tests.engine.bench import ORDER, OTHER, WITH_SHOP, Act, Bench, ends, fails, reads
from tests.mailbox import Mailbox, mailbox

HERE = ["env BOX"]
ALL: tuple[NotifyOn, ...] = get_args(NotifyOn)


def notices(bench: Bench, on: Sequence[NotifyOn] = ALL) -> Notices:
    """What a process that has just been started looks with."""
    return Notices(bench.database, bench.clock, on)


@pytest.fixture
def told(bench: Bench) -> Callable[[], list[tuple[str, str]]]:
    """Titles and bodies of what is to be told since it was called last; people are told from now on."""
    notices(bench).note(HERE)
    bench.clock.forward(1)

    def told() -> list[tuple[str, str]]:
        fresh = notices(bench)
        fresh.note(HERE)
        due = fresh.take(HERE)
        for one in due:
            fresh.arrived(one.key, HERE[0])
        return [(one.title, one.body) for one in due]

    return told


Told = Callable[[], list[tuple[str, str]]]


async def due(bench: Bench) -> None:
    """Do the next visit of everything that is due."""
    await bench.engine().advance(bench.clock.now())


@pytest.mark.parametrize(
    "error, title, kind, next",
    [
        (ApprovalNeeded("nobody said yes"), "a person is needed", "approval needed", "approve {id}"),
        (SignInNeeded("signed out"), "a person is needed", "sign in needed", "sign-in main"),
        (PortalChanged("no button"), "the portal has changed", "portal changed", "selectors check main"),
        (Refused("the courier has it"), "refused", "refused", "show {id}"),
    ],
)
async def test_what_stops_it_is_told_once(
    bench: Bench, told: Told, error: CountermandError, title: str, kind: str, next: str
) -> None:
    """
    Order, stage, kind and the command that goes on; not once more by another look, another process, or another day.
    """
    one = bench.claim()
    bench.portal.acts = [fails(error)]
    await due(bench)

    first = told()
    [(title_told, body)] = [(title_told, body) for title_told, body in first if "Account" not in body]
    stage = bench.again(one).stage.value.replace("_", " ")
    assert f"countermand: {title}" == title_told
    expected = f"Order {ORDER}, cancellation {one.id}: {stage} ({kind}). Next: countermand {next.format(id=one.id)}"
    assert expected == body
    assert [] == told()
    bench.clock.forward(90)
    assert [] == told()
    bench.clock.forward(2 * 86_400)
    assert [] == told()


async def test_done_is_told(bench: Bench, told: Told) -> None:
    """
    What goes on by itself is told when it is done, and not before.
    """
    one = bench.claim()
    await due(bench)
    assert [] == told()

    bench.portal.looks = [reads(Answer.WITHDRAWN)]
    bench.clock.forward(3600)
    await due(bench)

    [(title, body)] = told()
    assert ("countermand: done", True) == (title, body.startswith(f"Order {ORDER}, cancellation {one.id}: done."))


async def test_an_account_is_paused_once(bench: Bench, told: Told) -> None:
    """
    Two orders stop at the same sign-in: both need a person, and the account is told of once; after a sign-in it may be again.
    """
    bench.claim(ORDER)
    bench.claim(OTHER)
    bench.portal.acts = [fails(SignInNeeded("signed out")) for _ in range(2)]
    await due(bench)
    bench.clock.forward(5)
    await due(bench)

    assert 1 == len([body for _, body in told() if body.startswith("Account main at aliexpress is paused.")])

    accounts = bench.workshop.accounts
    accounts.note("aliexpress", "main", proven=True)
    accounts.note("aliexpress", "main", paused_because="signed out again")
    assert ["countermand: an account is paused"] == [title for title, _ in told()]


def test_whoever_paused_an_account_is_told_how_it_goes_on(bench: Bench, told: Told) -> None:
    """
    A pause that a person wanted does not end with a sign-in.
    """
    bench.workshop.accounts.pause("aliexpress", "main", "a holiday")

    paused = "Account main at aliexpress is paused. Next: countermand accounts resume main"
    assert [("countermand: an account is paused", paused)] == told()


async def test_a_state_that_comes_again_is_told_again(bench: Bench, told: Told) -> None:
    """
    A person said yes, and now another yes is asked for: they cannot know unless they are told.
    """
    one = bench.claim()
    bench.portal.acts = [fails(ApprovalNeeded("nobody said yes")), fails(ApprovalNeeded("it is dearer now"))]
    await due(bench)
    first = told()
    approve(bench.workshop, one.id)
    await due(bench)

    assert (1, 1) == (len(first), len(told()))


async def test_the_same_said_otherwise_is_not_told_again(bench: Bench, told: Told) -> None:
    """
    Still uncertain, in other words: one state.
    """
    one = bench.claim()
    bench.ledger.fail(one.id, Uncertain("first words"), None, stage=Stage.NEEDS_OPERATOR)
    first = told()
    bench.clock.forward(5)
    bench.ledger.fail(one.id, Uncertain("other words"), None, stage=Stage.NEEDS_OPERATOR)

    assert (1, 0) == (len(first), len(told()))


async def test_what_passes_by_itself_is_not_told(bench: Bench, told: Told) -> None:
    """
    The portal is down: nobody has to do anything. And what a person does themselves is no news to them.
    """
    one = bench.claim()
    bench.portal.acts = [fails(Retryable("the portal is down"))]
    await due(bench)
    abandon(bench.workshop, one.id)

    assert [] == told()


async def test_a_late_answer_is_told(bench: Bench, told: Told) -> None:
    """
    Given up, and then the supplier agrees: nobody waits for it, so somebody must hear.
    """
    one = bench.claim(choices=WITH_SHOP)
    await due(bench)
    abandon(bench.workshop, one.id)
    bench.portal.looks = [reads(Answer.WITHDRAWN)]
    bench.clock.forward(100_000)
    await due(bench)

    [(title, body)] = told()
    assert ("countermand: done", True) == (title, f"Order {ORDER}: a late answer, approved" in body)
    assert [] == told()


async def test_nothing_from_before_is_told(bench: Bench) -> None:
    """
    Whoever names an address today does not hear of last month.
    """
    bench.claim()
    bench.portal.acts = [fails(PortalChanged("no button"))]
    await due(bench)
    bench.clock.forward(1)
    notices(bench).note(HERE)
    bench.clock.forward(1)
    notices(bench).note(HERE)

    assert [] == notices(bench).take(HERE)


async def test_only_what_is_wanted(bench: Bench) -> None:
    """
    ``on`` leaves out the rest.
    """
    some = notices(bench, ["done"])
    some.note(HERE)
    bench.clock.forward(1)
    bench.claim(ORDER)
    bench.portal.acts = [fails(PortalChanged("no button"))]
    await due(bench)
    some.note(HERE)

    assert [] == some.take(HERE)


async def test_two_processes_tell_once(bench: Bench, told: Told) -> None:
    """
    A worker and a command look at the same ledger: one of them tells.
    """
    bench.claim()
    bench.portal.acts = [fails(PortalChanged("no button"))]
    await due(bench)
    one, other = notices(bench), notices(bench.beside())
    one.note(HERE)
    other.note(HERE)

    assert (1, 0) == (len(one.take(HERE)), len(other.take(HERE)))


async def test_it_is_tried_a_few_times(bench: Bench, told: Told) -> None:
    """
    Later each time, for each address by itself, and then given up.
    """
    bench.claim()
    bench.portal.acts = [fails(PortalChanged("no button"))]
    await due(bench)
    both = ["env BOX", "env OTHER"]
    tried = []
    notices(bench).note(both)
    started = bench.clock.now()
    for _ in range(200):
        for one in notices(bench).take(both):
            for name in one.to:
                if name == "env OTHER":
                    notices(bench).arrived(one.key, name)
                else:
                    notices(bench).failed(one.key, name, for_good=False)
                    tried.append(bench.clock.now() - started)
        bench.clock.forward(60)

    assert [timedelta(minutes=minutes) for minutes in (0, 1, 5, 21, 85)] == tried
    assert TRIES == len(tried)


# -- a thread beside the work


@pytest.fixture
def box() -> Iterator[Mailbox]:
    """Somebody's address."""
    with mailbox() as box:
        yield box


def teller(bench: Bench, *boxes: Mailbox, patience: float = 15) -> Teller:
    """A process that tells *boxes*."""
    to = [Address(f"env BOX_{number}", SecretStr(box.url)) for number, box in enumerate(boxes)]
    return Teller(to, notices(bench), patience=patience)


async def test_it_arrives_while_the_work_goes_on(bench: Bench, box: Mailbox) -> None:
    """
    Sent by a thread of its own, at the latest when the work ends; a process that is started anew sends nothing again.
    """
    first = teller(bench, box)
    first.start()
    bench.clock.forward(1)
    one = bench.claim()
    bench.portal.acts = [fails(ApprovalNeeded("nobody said yes"))]
    await due(bench)
    first.stop()
    second = teller(bench, box)
    second.start()
    second.stop()

    assert ["countermand: a person is needed"] == box.titles
    assert f"countermand approve {one.id}" in box.bodies[0]


async def test_a_service_that_fails_harms_nothing(bench: Bench, box: Mailbox) -> None:
    """
    One refuses, one hangs: the work is done as ever, in time, and the address that works is told.
    """
    with mailbox() as refuses, mailbox() as hangs:
        refuses.status = 500
        hangs.lets_go.clear()
        telling = teller(bench, refuses, hangs, box, patience=1)
        telling.start()
        bench.clock.forward(1)
        for order in (ORDER, OTHER):
            bench.claim(order)
        bench.portal.acts = [ends_cancelled() for _ in range(2)]
        started = time.monotonic()
        await due(bench)
        worked = time.monotonic() - started
        telling.stop()
        stopped = time.monotonic() - started - worked

    stages = [one.orders[0].stage for one in bench.ledger.newest()]
    assert [OrderStage.ALREADY_CANCELLED] * 2 == stages
    assert 2 == box.titles.count("countermand: done")
    assert (1, 1) == (refuses.calls, hangs.calls)  # a rest for who failed, not a second message to wait for
    assert stopped < 15


def ends_cancelled() -> Act:
    """The portal shows that it is cancelled already."""
    return ends(Submission.ALREADY_CANCELLED)


async def test_a_ledger_that_cannot_be_written_harms_nothing(
    bench: Bench, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It is told later, when the ledger is there again.
    """
    telling = teller(bench, box)
    telling.start()
    bench.clock.forward(1)
    bench.claim()
    bench.portal.acts = [ends_cancelled()]
    await due(bench)

    def locked(self: Notices, to: Sequence[str]) -> None:
        raise Retryable("the ledger is locked")

    with monkeypatch.context() as patch:
        patch.setattr(Notices, "note", locked)
        telling.stop()
    assert [] == box.titles

    later = teller(bench, box)
    later.tell()
    assert ["countermand: done"] == box.titles


async def test_nothing_personal_is_told(bench: Bench, box: Mailbox) -> None:
    """
    The canary: the portal's words, the shop order, a note, names and the address itself are in no message and no row.
    """
    telling = teller(bench, box)
    telling.start()
    bench.clock.forward(1)
    one = bench.claim(choices=WITH_SHOP)
    bench.portal.acts = [fails(Refused("CANARY-error: Marta Quintela, Calle de la Rosa 14", words="CANARY-words"))]
    await due(bench)
    telling.stop()

    assert 1 == len(box.messages)
    message = str(box.messages)
    for canary in ("CANARY", "Marta", "Rosa", "#1001", "by phone", "hook-secret"):
        assert canary not in message
    told = bench.again(one).error
    assert told is not None
    assert "CANARY-error" in told.message  # the control: it was there to be found
    assert b"hook-secret" not in b"".join(path.read_bytes() for path in bench.home.rglob("*") if path.is_file())
