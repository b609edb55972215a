"""Paused accounts: nobody goes there, the others go on, and what waited goes on by itself afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import SecretStr

from agent.engine.deciding import retry
from agent.engine.records import Cancellation
from agent.engine.schedule import Schedule
from agent.engine.tables import SupplierOrderRow
from agent.engine.worker import Rhythm
from agent.errors import ChallengeShown, CountermandError, SignInNeeded
from agent.model import Answer, ErrorKind, OrderStage, Stage
from agent.portal import Credentials
from agent.settings import AccountSettings, SecretRef
from tests.engine.bench import ORDER, OTHER, THIRD, WITH_SHOP, Bench, fails, reads

MAIN = ("aliexpress", "main")


def signed_out() -> SignInNeeded:
    return SignInNeeded("nobody is signed in", next="Run countermand sign-in main.")


async def advance(bench: Bench) -> None:
    await bench.engine().advance(bench.clock.now())


def stands(bench: Bench, one: Cancellation) -> tuple[Stage, ErrorKind | None, int]:
    now = bench.again(one)
    return now.stage, now.error.kind if now.error else None, bench.exit_code(one)


@pytest.fixture
def credentials(bench: Bench) -> None:
    """Signing in without a window needs something to type."""
    (bench.home / "password").write_text("canary-password")
    stored = AccountSettings(portal="aliexpress", username="buyer", password=SecretRef(file=bench.home / "password"))
    accounts = {**bench.settings.accounts, "main": stored}
    bench.workshop.settings = bench.settings = bench.settings.model_copy(update={"accounts": accounts})


@pytest.mark.parametrize("error", [signed_out(), ChallengeShown("a slider")])
async def test_one_visit_pauses_and_the_rest_waits(bench: Bench, error: CountermandError) -> None:
    """
    The first visit finds nobody signed in: no further one begins for that account, and another account's order is submitted.
    """
    first, second = bench.claim(ORDER), bench.claim(OTHER)
    elsewhere = bench.claim(THIRD, account="second")
    bench.portal.acts = [fails(error)]

    await advance(bench)
    await advance(bench)

    assert [ORDER, THIRD] == bench.portal.asked
    assert (Stage.NEEDS_OPERATOR, error.kind, 20) == stands(bench, first)
    assert (Stage.OPEN, ErrorKind.SIGN_IN_NEEDED, 20) == stands(bench, second)
    assert Stage.AWAITING_DECISION is bench.again(elsewhere).stage
    waits = bench.again(second).error
    assert waits is not None
    assert f"account main is paused since 2026-11-20 12:00 UTC: {error.what}" in waits.message
    assert "Run countermand sign-in main" == waits.next


@pytest.mark.usefixtures("credentials")
async def test_what_waited_goes_on_after_signing_in(bench: Bench) -> None:
    """
    Signing in ends the pause: what waited is due at once, and what had stopped for a person goes on by retry, each with one submit.
    """
    first, second = bench.claim(ORDER), bench.claim(OTHER)
    bench.portal.acts = [fails(signed_out()), fails(signed_out())]  # the stored password does not help
    await advance(bench)
    await advance(bench)
    before = bench.again(second).due_at
    stopped = bench.ledger.stopped_for(*MAIN)

    await bench.visits().sign_in(*MAIN, by_hand=False)
    after = bench.again(second)
    await advance(bench)
    retry(bench.workshop, first.id)
    await advance(bench)

    assert (None, bench.clock.now(), None) == (before, after.due_at, after.error)
    assert [first.id] == stopped
    assert [Stage.AWAITING_DECISION] * 2 == [bench.again(one).stage for one in (first, second)]
    assert [(1, "answered", 3)] * 2 == bench.stamps()


async def test_a_pause_that_a_person_wanted_ends_by_a_person_only(bench: Bench) -> None:
    """
    Neither a retry nor a visit that was under way ends it; ``accounts resume`` does.
    """
    one = bench.claim()
    bench.workshop.accounts.pause(*MAIN, "on holiday")
    bench.workshop.accounts.note(*MAIN, proven=True)
    await advance(bench)
    retry(bench.workshop, one.id)
    await advance(bench)
    asked, error = list(bench.portal.asked), bench.again(one).error

    resumed = bench.workshop.accounts.resume(*MAIN)
    await advance(bench)

    assert error is not None
    assert ([], "Run countermand accounts resume main") == (asked, error.next)
    assert (True, [ORDER]) == (resumed, bench.portal.asked)


async def test_an_open_stamp_is_kept_while_the_account_waits(bench: Bench) -> None:
    """
    What may have been submitted says so, is not looked at before somebody signs in, and then QUIET is waited for and it is looked at once.
    """
    one = bench.claim()
    bench.portal.acts = [fails(ChallengeShown("a slider"), after="arm")]
    await advance(bench)
    bench.workshop.accounts.note(*MAIN, paused_because="a slider")
    bench.clock.forward(121)
    await advance(bench)
    waiting, code = bench.again(one), bench.exit_code(one)

    bench.workshop.accounts.resume(*MAIN)
    engine = bench.engine()
    await engine.advance(bench.clock.now())
    early = list(bench.portal.looked)
    bench.clock.forward(121)
    await engine.advance(bench.clock.now())

    assert (None, OrderStage.SUBMITTING, 50) == (waiting.due_at, waiting.orders[0].stage, code)
    assert waiting.error is not None
    assert "nobody has looked since" in waiting.error.message
    assert ([], [ORDER], [ORDER]) == (early, bench.portal.looked, bench.portal.asked)
    assert Stage.AWAITING_DECISION is bench.again(one).stage


async def test_an_order_of_another_account_goes_on(bench: Bench) -> None:
    """
    Of two suppliers' orders behind one cancellation, one account is paused: the other one's is submitted, and both are in the end.
    """
    one = bench.claim(ORDER, OTHER)
    with bench.database.writing() as session:
        session.get_one(SupplierOrderRow, one.orders[1].key).account = "second"
    bench.workshop.accounts.pause(*MAIN, "on holiday")

    await advance(bench)
    meanwhile = list(bench.portal.asked)
    bench.workshop.accounts.resume(*MAIN)
    await advance(bench)

    assert ([OTHER], [OTHER, ORDER]) == (meanwhile, bench.portal.asked)


async def test_a_shop_that_wants_another_token_pauses_no_account(bench: Bench) -> None:
    """
    The shop's token is wrong: that is nothing to sign in at the portal for.
    """
    one = bench.claim(choices=WITH_SHOP)

    async def locked(gid: str) -> None:
        raise SignInNeeded("the shop does not accept the token")

    bench.shop.read = locked  # type: ignore[assignment, method-assign]
    await advance(bench)

    assert (Stage.NEEDS_OPERATOR, ErrorKind.SIGN_IN_NEEDED, 20) == stands(bench, one)
    assert not bench.workshop.accounts.is_paused(*MAIN)


async def test_what_is_only_watched_is_looked_at_when_the_pause_ends(bench: Bench) -> None:
    """
    A look found nobody signed in: a person was told, and once they have signed in the answer is read at once.
    """
    one = bench.claim()
    await advance(bench)
    bench.clock.forward(120)
    bench.portal.looks = [signed_out(), reads(Answer.WITHDRAWN)]
    await advance(bench)
    told = stands(bench, one)

    bench.workshop.accounts.resume(*MAIN)
    await advance(bench)

    assert (Stage.NEEDS_OPERATOR, ErrorKind.SIGN_IN_NEEDED, 20) == told
    assert Stage.DONE is bench.again(one).stage


# -- the stored password


def corrected(bench: Bench, password: str) -> Credentials:
    (bench.home / "password").write_text(password)
    return Credentials(username=SecretStr("buyer"), password=SecretStr(password))


def signs_in_when_asked(bench: Bench, wrong: bool) -> None:
    """The pretend portal types the password, as a real walk does."""

    async def sign_in(walk: object, credentials: Credentials) -> None:
        credentials.password.get_secret_value()
        bench.portal.sign_ins += 1
        if wrong and "corrected" not in credentials.password.get_secret_value():
            raise SignInNeeded("the password is incorrect")

    bench.portal.sign_in = sign_in  # type: ignore[method-assign]


@pytest.mark.usefixtures("credentials")
async def test_a_session_that_ends_again_is_signed_in_once(bench: Bench) -> None:
    """
    One silent attempt; the session ends again in another process: no second one within the hour, one more after it.
    """
    signs_in_when_asked(bench, wrong=False)
    one = bench.claim()
    await advance(bench)
    attempts = []
    for _ in range(3):
        retry(bench.workshop, one.id)
        bench.portal.looks = [signed_out(), reads(Answer.WAITING)]
        await advance(bench)
        attempts.append(bench.portal.sign_ins)
        bench.portal.looks = []
        if len(attempts) == 2:
            bench.clock.forward(3600)

    assert [1, 1, 2] == attempts
    error = next(event.detail for event in bench.ledger.events(one.id) if event.detail and "message" in event.detail)
    assert "was last tried at 2026-11-20 12:00 UTC, and is not tried twice within 1:00:00" in error["message"]


@pytest.mark.usefixtures("credentials")
async def test_a_refused_password_is_tried_again_only_when_it_is_another(bench: Bench) -> None:
    """
    Days later and in another process the same password is not typed; corrected in the settings it is, and the account goes on.
    """
    signs_in_when_asked(bench, wrong=True)
    one = bench.claim()
    bench.portal.acts = [fails(signed_out()) for _ in range(4)]
    for _ in range(3):
        retry(bench.workshop, one.id)
        await advance(bench)
        bench.clock.forward(48 * 3600)
    tried, error = bench.portal.sign_ins, bench.again(one).error
    corrected(bench, "corrected")
    bench.portal.acts = [fails(signed_out())]
    bench.ledger.wake(one.id)
    await advance(bench)

    assert error is not None
    assert "which are not tried again" in error.message
    assert "canary" not in f"{bench.workshop.accounts.get(*MAIN)}"
    assert (1, 2) == (tried, bench.portal.sign_ins)
    assert Stage.AWAITING_DECISION is bench.again(one).stage


def test_a_worker_gives_what_waited_its_visit_promptly(bench: Bench) -> None:
    """
    What waits has no visit in the queue; as soon as the pause ends it lacks one, which the worker looks for twice a second.
    """
    one = bench.claim()
    bench.workshop.accounts.pause(*MAIN, "on holiday")
    bench.ledger.fail(one.id, signed_out(), None)
    schedule = Schedule(bench.database, bench.clock)
    waiting = list(schedule.unscheduled())

    bench.workshop.accounts.resume(*MAIN)

    assert ([], [one.id]) == (waiting, list(schedule.unscheduled()))
    assert timedelta(seconds=1) > Rhythm().new
