"""
Where the way to a cancellation must end: nothing is submitted, or it is said that it may have been.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest

from agent.browser.commit import CommitOptions
from agent.browser.finding import Finder
from agent.errors import (
    ApprovalNeeded,
    BadInput,
    ChallengeShown,
    ConfirmationNeeded,
    CountermandError,
    Retryable,
    SignInNeeded,
    TargetAmbiguous,
    TargetMissing,
    Uncertain,
    UnknownPage,
)
from agent.model import OrderId, Reason, ReasonChoice, Submission
from agent.walk import StoppedBeforeCommit
from fixtures.aliexpress import texts
from fixtures.aliexpress.model import Item
from fixtures.aliexpress.seed import MAIN, ORDERS
from tests.browser.bench import NOT_NEEDED_TEXT, Bench
from tests.browser.test_cancel_walks import BUTTON, CANCEL_PAGE, CONFIRM, CONFIRM_ASKED, HELD, REASON_ASKED, SUBMIT
from tests.conftest import MORE, needs_browser

pytestmark = needs_browser

PLACED = ORDERS["placed"]
DETAILS, CANCEL = "/p/order/detail.html", "/p/refund-cancel/"


class Words:
    """The English words of the portal's pages, for one test."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def change(self, key: str, text: str) -> None:
        """The portal writes *text* for *key* from now on."""
        self._patch.setitem(texts._WORDS["en"], key, text)

    def change_status(self, state: str, text: str) -> None:
        """The heading for *state* is *text* from now on."""
        self._patch.setitem(texts.STATUS["en"], state, text)  # type: ignore[misc]


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> Words:
    """Changes what the portal writes."""
    return Words(monkeypatch)


# -- the stamp comes first


@pytest.mark.parametrize(
    "order, target, stamped",
    [
        ("at_once", "details.cancel", []),
        pytest.param("placed", "details.cancel", [], marks=pytest.mark.slow),
        ("no_popup", "cancel.submit", [BUTTON, REASON_ASKED]),
        ("placed", "cancel.confirm", [BUTTON, REASON_ASKED, SUBMIT, CONFIRM_ASKED]),
        pytest.param("dialog", "cancel.confirm", [BUTTON, CONFIRM_ASKED], marks=pytest.mark.slow),
        ("native_confirm", "sure_to_cancel", [BUTTON, CONFIRM_ASKED]),
    ],
)
async def test_no_stamp_no_click(bench: Bench, order: str, target: str, stamped: list[tuple[str, str]]) -> None:
    """
    If the stamp cannot be put on disk, the click that it is for does not happen.
    """

    async def refuse(armed: str) -> None:
        if armed == target:
            raise Retryable("the disk is full")

    bench.stamps.before_arming = refuse
    with pytest.raises(Retryable, match="the disk is full") as stopped:
        await bench.cancel(ORDERS[order])

    assert "Nothing was submitted." == stopped.value.done_so_far
    assert stamped == bench.stamps.events
    assert [] == bench.portal.submitted
    assert 0 == bench.portal.world.counted("json operation") + bench.portal.world.counted("json submit")


async def test_click_waits_for_the_stamp(bench: Bench) -> None:
    """
    While the stamp is on its way to the disk nothing has been clicked: the page can do whole round trips meanwhile.
    """
    received: list[int] = []

    async def look_meanwhile(_: str) -> None:
        for tab in bench.contexts[-1].pages:
            await tab.evaluate("fetch('/favicon.ico').then(answer => answer.status)")
        received.append(bench.portal.world.counted("json operation"))

    bench.stamps.before_arming = look_meanwhile
    await bench.cancel(ORDERS["at_once"])

    assert [0] == received
    assert [(ORDERS["at_once"], None)] == bench.portal.submitted


# -- the page is not what it should be


async def test_wrong_number_on_the_cancel_page(bench: Bench) -> None:
    """
    A cancel page about another order stops everything, though its address names the right one.
    """
    with pytest.raises(UnknownPage, match="about another order") as stopped:
        await bench.cancel(ORDERS["number_wrong"])

    assert "Nothing was submitted." == stopped.value.done_so_far
    assert [] == bench.portal.submitted
    assert [BUTTON, REASON_ASKED] == bench.stamps.events


async def test_two_submit_buttons(bench: Bench) -> None:
    """
    Two visible buttons that could both be Submit: neither is clicked.
    """
    walk = await bench.walk()
    await bench.on_every_page("document.body.insertAdjacentHTML('beforeend', '<button>Submit</button>')", path=CANCEL)

    with pytest.raises(TargetAmbiguous) as stopped:
        await bench.cancel(PLACED, walk=walk)

    assert "cancel.submit" == stopped.value.facts["target"]
    assert [] == bench.portal.submitted
    assert [BUTTON, REASON_ASKED] == bench.stamps.events


@pytest.mark.slow
async def test_second_submit_that_is_hidden(bench: Bench) -> None:
    """
    What nobody can see is no second button.
    """
    walk = await bench.walk()
    hidden = '<button style="display: none">Submit</button>'
    await bench.on_every_page(f"document.body.insertAdjacentHTML('beforeend', '{hidden}')", path=CANCEL)

    submission = await bench.cancel(PLACED, walk=walk)

    assert Submission.REQUESTED == submission
    assert [(PLACED, NOT_NEEDED_TEXT)] == bench.portal.submitted


async def test_button_and_link_of_one_name(bench: Bench) -> None:
    """
    All candidates of what commits count together: a link "Cancel order" beside the button is one too many.
    """
    walk = await bench.walk()
    link = '<a href="/elsewhere">Cancel order</a>'
    await bench.on_every_page(f"document.body.insertAdjacentHTML('beforeend', '{link}')", path=DETAILS)

    with pytest.raises(TargetAmbiguous) as stopped:
        await bench.cancel(PLACED, walk=walk)

    assert "details.cancel" == stopped.value.facts["target"]
    assert [] == bench.stamps.events


@pytest.mark.slow
@pytest.mark.parametrize(
    "word, target, step, stamped",
    [
        ("cancel_order", "details.cancel", "open its details", []),
        ("submit", "cancel.submit", "choose the reason", [BUTTON, REASON_ASKED]),
        ("confirm", "cancel.confirm", "submit the request", [BUTTON, REASON_ASKED, SUBMIT, CONFIRM_ASKED]),
    ],
)
async def test_button_is_missing(
    bench: Bench, words: Words, word: str, target: str, step: str, stamped: list[tuple[str, str]]
) -> None:
    """
    A button that is called something else now is missing: the error names it, and nothing is clicked in its place.
    """
    words.change(word, "Proceed")
    walk = await bench.walk()
    bench.hurry(walk, after=step)

    with pytest.raises(TargetMissing) as stopped:
        await bench.cancel(PLACED, walk=walk)

    assert target == stopped.value.facts["target"]
    assert "Nothing was submitted." == stopped.value.done_so_far
    assert bench.edition.edition.targets[target].intent in stopped.value.message
    assert stamped == bench.stamps.events
    assert [] == bench.portal.submitted


@pytest.mark.slow
async def test_unknown_pop_up(bench: Bench, words: Words) -> None:
    """
    A pop-up after Submit that is not the question we know proves nothing: whether Submit sent the request is left open.
    """
    words.change("confirm", "Proceed")
    words.change("popup_title", "Thanks!")
    walk = await bench.walk()
    bench.hurry(walk, after="cancel.submit", but_clicks=True)

    with pytest.raises(Uncertain) as stopped:
        await bench.cancel(PLACED, walk=walk)

    assert "cancel.submit" == stopped.value.facts["target"]
    assert [BUTTON, REASON_ASKED, SUBMIT] == bench.stamps.events
    assert [] == bench.portal.submitted


async def test_no_button(bench: Bench) -> None:
    """
    An order whose page does not offer "Cancel order" is not cancelled in any other way.
    """
    walk = await bench.walk()
    bench.hurry(walk, after="open its details")

    with pytest.raises(TargetMissing):
        await bench.cancel(ORDERS["no_button"], walk=walk)

    assert [] == bench.portal.submitted
    assert [] == bench.stamps.events


@pytest.mark.slow
async def test_button_is_covered(bench: Bench) -> None:
    """
    A button under something unknown is found out before the stamp, for a click that fails after it would be uncertain.
    """
    walk = await bench.walk()
    cover = '<div style="position: fixed; inset: 0; z-index: 99999"></div>'
    await bench.on_every_page(f"document.body.insertAdjacentHTML('beforeend', '{cover}')", path=DETAILS)
    bench.hurry(walk, after="open its details")

    with pytest.raises(TargetMissing, match="covered"):
        await bench.cancel(PLACED, walk=walk)

    assert [] == bench.stamps.events


@pytest.mark.slow
async def test_unknown_status(bench: Bench, words: Words) -> None:
    """
    A status that the edition does not know stops the walk, and the error quotes it.
    """
    words.change_status("placed", "On the moon")
    walk = await bench.walk()
    bench.hurry(walk, after="orders.details_link")

    with pytest.raises(UnknownPage, match="On the moon") as stopped:
        await bench.cancel(PLACED, walk=walk)

    assert 30 == stopped.value.exit_code
    assert "open its details" == stopped.value.facts["step"]
    assert [] == bench.stamps.events


@pytest.mark.slow
async def test_unknown_page_before_the_commit(bench: Bench) -> None:
    """
    A page that the edition does not recognise is never acted upon.
    """
    walk = await bench.walk()
    await bench.contexts[-1].route("**/p/order/detail.html*", lambda route: route.fulfill(body="<h1>All new!</h1>"))
    bench.hurry(walk, after="find the order", but_clicks=True)

    with pytest.raises(UnknownPage) as stopped:
        await bench.cancel(PLACED, walk=walk)

    assert 30 == stopped.value.exit_code
    assert "/p/order/detail.html" in stopped.value.message
    assert [] == bench.stamps.events


@pytest.mark.slow
async def test_unknown_layout_of_the_cancel_page(bench: Bench) -> None:
    """
    After the first click an unknown page leaves it open whether something was sent: a person looks.
    """
    walk = await bench.walk()
    await bench.contexts[-1].route("**/p/refund-cancel/**", lambda route: route.fulfill(body="<h1>All new!</h1>"))
    bench.hurry(walk, after="details.cancel", but_clicks=True)

    with pytest.raises(Uncertain) as stopped:
        await bench.cancel(PLACED, walk=walk)

    assert "It may have been submitted." == stopped.value.done_so_far
    assert [BUTTON] == bench.stamps.events
    assert [] == bench.portal.submitted


@pytest.mark.parametrize(
    "reply",
    ["http_500", pytest.param("never", marks=pytest.mark.slow), pytest.param("unknown words", marks=pytest.mark.slow)],
)
async def test_no_known_answer_after_the_last_click(bench: Bench, words: Words, reply: str) -> None:
    """
    The portal received the request, and its answer is an error, nothing, or words unknown: uncertain, and clicked once.
    """
    order = bench.will("placed", reply="when_landed" if reply == "unknown words" else reply)
    words.change("request_success", "Bravo!")
    walk = await bench.walk()
    bench.hurry(walk, after="cancel.confirm", but_clicks=True)

    with pytest.raises(Uncertain) as stopped:
        await bench.cancel(order, walk=walk)

    assert 50 == stopped.value.exit_code
    assert "cancel.confirm" == stopped.value.facts["target"]
    assert list(CANCEL_PAGE) == bench.stamps.events
    assert [(order, NOT_NEEDED_TEXT)] == bench.portal.submitted


@pytest.mark.slow
async def test_connection_breaks_after_the_last_click(bench: Bench) -> None:
    """
    Offline at the moment of the last click: nothing arrived, which nobody here can know.
    """
    walk = await bench.walk()
    await bench.contexts[-1].route("**/assumed.refund.cancel.submit/**", lambda route: route.abort())
    bench.hurry(walk, after="cancel.confirm", but_clicks=True)

    with pytest.raises(Uncertain):
        await bench.cancel(PLACED, walk=walk)

    assert [] == bench.portal.submitted


@pytest.mark.slow
@pytest.mark.parametrize("language", ["es", "pt"])
@pytest.mark.parametrize(
    "order", ["placed", pytest.param("shipped", marks=MORE), pytest.param("cancel_requested", marks=MORE)]
)
async def test_account_in_another_language(bench: Bench, language: str, order: str) -> None:
    """
    Words in a language that the edition lacks are not guessed: it stops at the first page, and says what to do.
    """
    bench.portal.world.change_account(MAIN, language=language)

    with pytest.raises(UnknownPage, match=f"in the language “{language}”") as stopped:
        await bench.cancel(ORDERS[order])

    assert "English" in stopped.value.next
    assert [] == bench.portal.submitted
    assert [] == bench.stamps.events


@pytest.mark.slow
async def test_reason_is_not_offered(bench: Bench) -> None:
    """
    A reason that the page does not offer is not replaced by another; the message lists what it offers.
    """
    with pytest.raises(BadInput, match="Other reasons") as stopped:
        await bench.cancel(PLACED, ReasonChoice(key=Reason.PAYMENT_PROBLEM))

    assert "Nothing was submitted." == stopped.value.done_so_far
    assert [] == bench.portal.submitted


# -- what only a person or time can mend


@pytest.mark.parametrize(
    "place, stop, submits",
    [
        ("orders", ChallengeShown, 0),
        pytest.param("detail", ChallengeShown, 0, marks=MORE),
        pytest.param("cancel_page", Uncertain, 0, marks=MORE),
        pytest.param("submit_blocked", Uncertain, 0, marks=pytest.mark.slow),
        ("submit", Uncertain, 1),
    ],
)
async def test_challenge(bench: Bench, place: str, stop: type[CountermandError], submits: int) -> None:
    """
    A check is never passed by us; after a click that may have sent something it leaves that open.
    """
    bench.portal.world.set(slider=[place])

    with pytest.raises(stop, match="wants a person to"):
        await bench.cancel(PLACED)

    assert submits == len(bench.portal.submitted)


async def test_nobody_is_signed_in(bench: Bench) -> None:
    """
    Without a signed-in account the sign-in page comes instead.
    """
    with pytest.raises(SignInNeeded):
        await bench.cancel(PLACED, walk=await bench.walk(None))

    assert [] == bench.portal.submitted


async def test_session_ends_on_the_way(bench: Bench) -> None:
    """
    A session that ends between the list and the details stops the walk there.
    """
    walk = await bench.walk()
    bench.portal.world.sessions.expire(MAIN, after_page_loads=1)

    with pytest.raises(SignInNeeded) as stopped:
        await bench.cancel(PLACED, walk=walk)

    assert "open its details" == stopped.value.facts["step"]
    assert [] == bench.portal.submitted


async def test_session_ends_after_the_first_click(bench: Bench) -> None:
    """
    Signed out instead of the cancel page: the first click may have sent something.
    """
    walk = await bench.walk()
    bench.portal.world.sessions.expire(MAIN, after_page_loads=2)

    with pytest.raises(Uncertain, match="nobody is signed in"):
        await bench.cancel(PLACED, walk=walk)

    assert [BUTTON] == bench.stamps.events


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["down", "maintenance", "errors"])
async def test_portal_has_trouble(bench: Bench, trouble: str) -> None:
    """
    A portal that is down or shows errors of its own: later, and nothing was changed.
    """
    walk = await bench.walk()
    if trouble == "down":
        bench.portal.stop()
    else:
        bench.portal.world.set(maintenance=trouble == "maintenance", json_errors="http_500")

    with pytest.raises(Retryable) as stopped:
        await bench.cancel(PLACED, walk=walk)

    assert "Nothing was submitted." == stopped.value.done_so_far
    assert [] == bench.portal.submitted


# -- what is only assumed


async def test_target_is_not_confirmed(bench: Bench) -> None:
    """
    What commits and is only assumed for the host is not clicked where nobody can confirm it.
    """
    bench.confirm(but=["details.cancel"])

    with pytest.raises(ConfirmationNeeded) as stopped:
        await bench.cancel(PLACED)

    assert "details.cancel" == stopped.value.facts["target"]
    assert [] == bench.stamps.events
    assert [] == bench.portal.submitted


@pytest.mark.slow
async def test_confirmation_is_bound_to_its_host(bench: Bench) -> None:
    """
    What is confirmed on www is not thereby confirmed on m.
    """
    bench.confirm("www.aliexpress.localhost")

    with pytest.raises(ConfirmationNeeded, match=r"assumed for m\.aliexpress\.localhost"):
        await bench.cancel(PLACED)

    assert [BUTTON, REASON_ASKED] == bench.stamps.events
    assert [] == bench.portal.submitted


@pytest.mark.parametrize("says_yes", [True, False])
async def test_person_confirms_what_is_outlined(bench: Bench, says_yes: bool) -> None:
    """
    With the browser's window in view a person says whether the outlined thing is the right one.
    """
    bench.confirm(but=["details.cancel"])
    bench.options = replace(bench.options, headed=True)
    bench.person.is_here, bench.person.says_yes = True, says_yes

    if says_yes:
        await bench.cancel(ORDERS["at_once"])
    else:
        with pytest.raises(ConfirmationNeeded):
            await bench.cancel(ORDERS["at_once"])

    assert 1 == len(bench.person.asked)
    assert says_yes == (bench.portal.submitted == [(ORDERS["at_once"], None)])
    assert says_yes == (bench.stamps.events == [BUTTON])


@pytest.mark.slow
async def test_missing_number_is_not_confirmed(bench: Bench) -> None:
    """
    A cancel page that shows no number is not held against the details before it while that is only assumed.
    """
    with pytest.raises(ConfirmationNeeded, match="shows no number"):
        await bench.cancel(ORDERS["number_absent"])

    assert [BUTTON, REASON_ASKED] == bench.stamps.events
    assert [] == bench.portal.submitted


@pytest.mark.slow
async def test_held_page_shows_other_goods(bench: Bench) -> None:
    """
    A page without a number whose goods differ, if only in the second line, is about another order.
    """
    bench.change_edition(HELD)
    goods = [Item(title="A lamp").model_dump(), Item(title="A kettle").model_dump()]
    order = bench.will("number_absent", items=goods)

    async def change_goods(_: str) -> None:
        bench.will("number_absent", items=[goods[0], Item(title="A bicycle").model_dump()])

    bench.stamps.before_arming = change_goods
    with pytest.raises(UnknownPage, match="other goods"):
        await bench.cancel(order)

    assert [BUTTON, REASON_ASKED] == bench.stamps.events
    assert [] == bench.portal.submitted


@pytest.mark.slow
async def test_held_page_is_in_another_tab(bench: Bench) -> None:
    """
    A page without a number in a tab of its own cannot be held against anything.
    """
    bench.change_edition(HELD)
    order = bench.will("number_absent", tab="new")

    with pytest.raises(UnknownPage, match="does not show the number"):
        await bench.cancel(order)

    assert [] == bench.portal.submitted


# -- the browser's own questions


@pytest.mark.slow
async def test_unknown_question(bench: Bench, words: Words) -> None:
    """
    The browser asks something that the edition does not know: the answer is no, and the error quotes it.
    """
    words.change("native_confirm", "Buy an insurance, too?")

    with pytest.raises(CountermandError, match="Buy an insurance, too") as stopped:
        await bench.cancel(ORDERS["native_confirm"])

    assert "it was answered with no" in stopped.value.message
    assert [BUTTON] == bench.stamps.events
    assert [] == bench.portal.submitted


@pytest.mark.slow
async def test_question_is_not_confirmed(bench: Bench) -> None:
    """
    A known question that is only assumed for the host is answered with no.
    """
    bench.confirm(but=["sure_to_cancel"])

    with pytest.raises(ConfirmationNeeded) as stopped:
        await bench.cancel(ORDERS["native_confirm"])

    assert "Nothing was submitted." == stopped.value.done_so_far
    assert [BUTTON, CONFIRM_ASKED] == bench.stamps.events
    assert [] == bench.portal.submitted


@pytest.mark.slow
async def test_question_while_nothing_is_committed(bench: Bench) -> None:
    """
    Even the right question is answered with no while we have not clicked anything.
    """
    walk = await bench.walk()
    await bench.on_every_page(
        "sessionStorage.answer = confirm('Are you sure you want to cancel this order?')", path=DETAILS
    )
    await bench.cancel(ORDERS["cancel_requested"], walk=walk)

    answers = [await tab.evaluate("sessionStorage.answer") for tab in bench.contexts[-1].pages if DETAILS in tab.url]
    assert ["false"] == answers
    assert [] == bench.stamps.events


# -- a person's limits


@pytest.mark.slow
@pytest.mark.parametrize(
    "order", ["placed", pytest.param("at_once", marks=MORE), pytest.param("native_confirm", marks=MORE)]
)
async def test_dry_run(bench: Bench, order: str) -> None:
    """
    A dry run stops before the first commit, however harmless the click may be.
    """
    bench.limits = CommitOptions(dry_run=True)

    with pytest.raises(StoppedBeforeCommit):
        await bench.cancel(ORDERS[order])

    assert [] == bench.portal.submitted
    assert [] == bench.stamps.events


@pytest.mark.slow
async def test_asking_first_yes(bench: Bench) -> None:
    """
    With --ask a yes before the first commit is enough for the rest, and the question shows what it is about.
    """
    bench.limits = CommitOptions(ask=True)
    bench.person.is_here, bench.person.says_yes = True, True

    submission = await bench.cancel(PLACED)

    assert Submission.REQUESTED == submission
    assert 1 == len(bench.person.asked)
    goods = bench.portal.world.order(PLACED).items[0].title
    assert all(fact in bench.person.asked[0] for fact in (PLACED, "Awaiting shipment", goods))
    assert [(PLACED, NOT_NEEDED_TEXT)] == bench.portal.submitted


@pytest.mark.slow
@pytest.mark.parametrize("is_here", [True, False], ids=["no", "nobody"])
async def test_asking_first_no(bench: Bench, is_here: bool) -> None:
    """
    With --ask anything but a yes leaves the order alone.
    """
    bench.limits = CommitOptions(ask=True)
    bench.person.is_here = is_here

    with pytest.raises(ApprovalNeeded):
        await bench.cancel(PLACED)

    assert is_here == bool(bench.person.asked)
    assert [] == bench.stamps.events
    assert [] == bench.portal.submitted


class Approval:
    """Says yes or no before the first commit, and keeps what it was told."""

    def __init__(self, yes: bool) -> None:
        self.yes = yes
        self.told: list[tuple[str, str]] = []

    async def check(self, order: OrderId, total: str) -> None:
        self.told.append((order, total))
        if not self.yes:
            raise ApprovalNeeded("nobody said yes")


@pytest.mark.parametrize("yes", [True, False])
@pytest.mark.parametrize("order", ["placed", pytest.param("at_once", marks=pytest.mark.slow)])
async def test_a_yes_is_asked_for_before_the_first_commit(bench: Bench, order: str, yes: bool) -> None:
    """
    Once, with what the page says that the order costs; without a yes no stamp is put on disk, and nothing is clicked.
    """
    approval = Approval(yes)
    bench.limits = CommitOptions(approval=approval)
    number = ORDERS[order]
    bench.portal.world.change_order(number, items=[Item(title="A lamp", price=1234.5)])

    with nullcontext() if yes else pytest.raises(ApprovalNeeded, match="Nothing was submitted"):
        await bench.cancel(number)

    assert [(number, "US $1,234.50")] == approval.told
    assert yes == bool(bench.stamps.events) == bool(bench.portal.submitted)


@pytest.mark.slow
async def test_a_yes_at_the_terminal_is_a_yes(bench: Bench) -> None:
    """
    Whoever answers yes to --ask has seen the order: no further yes is waited for.
    """
    approval = Approval(yes=False)
    bench.limits = CommitOptions(ask=True, approval=approval)
    bench.person.is_here, bench.person.says_yes = True, True

    assert Submission.REQUESTED == await bench.cancel(PLACED)
    assert [] == approval.told
    assert "US $" in bench.person.asked[0]


@pytest.mark.slow
async def test_two_totals_are_none(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A page with two rows that could be the total shows none that may be relied on.
    """
    approval = Approval(yes=False)
    bench.limits = CommitOptions(approval=approval)
    walk = await bench.walk()

    texts = Finder.texts

    async def two(finder: Finder, name: str) -> list[str]:
        return ["US $1.00", "US $99.00"] if name == "details.total" else await texts(finder, name)

    monkeypatch.setattr(Finder, "texts", two)
    with pytest.raises(ApprovalNeeded):
        await bench.cancel(PLACED, walk=walk)

    assert [(PLACED, "")] == approval.told


async def test_click_and_commit_are_not_the_same(bench: Bench) -> None:
    """
    A flow cannot click what commits, nor commit what does not: it is a mistake in the flow.
    """
    walk = await bench.walk()

    with pytest.raises(ValueError, match="use commit"):
        await walk.click("cancel.submit")
    with pytest.raises(ValueError, match="use click"):
        await walk.commit("orders.more", order=OrderId(PLACED))


async def test_reading_walk_commits_nothing(bench: Bench) -> None:
    """
    A walk that looks has no way to commit.
    """
    walk = await bench.reading_walk()

    with pytest.raises(AssertionError):
        await walk.commit("details.cancel", order=OrderId(PLACED))
    assert [CONFIRM] != bench.stamps.events
