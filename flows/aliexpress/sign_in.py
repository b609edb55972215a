"""Signing in with stored credentials: in two steps, in one, and with a one-time code that a person is asked for."""

from __future__ import annotations

from agent.errors import SignInNeeded, UnknownPage
from agent.portal import Credentials
from agent.walk import Walk


async def sign_in(walk: Walk, credentials: Credentials) -> None:
    """
    Sign in, once: a wrong password is never tried again.

    :raises SignInNeeded: AliExpress does not take the credentials.
    :raises ChallengeShown: it asks for something only a person can give.
    """
    async with walk.step("sign in", private=True):
        if await walk.open("orders", instead="sign_in") == "orders":
            return

        form = await walk.outcome("sign_in.form")
        await walk.fill("sign_in.user", credentials.username)
        if form == "two_steps":
            await walk.click("sign_in.continue")
            _go_on_with("password_asked", await walk.outcome("sign_in.user_given"), await walk.read("sign_in.error"))
        await walk.fill("sign_in.password", credentials.password)
        await walk.click("sign_in.go")

        outcome = await walk.outcome("sign_in.password_given")
        if outcome == "code_asked":
            await walk.fill("sign_in.code", await walk.ask("the one-time code that AliExpress has just sent"))
            await walk.click("sign_in.code_go")
            outcome = await walk.outcome("sign_in.code_given")
        _go_on_with("signed_in", outcome, await walk.read("sign_in.error"))


async def prove_signed_in(walk: Walk) -> None:
    """My Orders is there for the signed-in only."""
    async with walk.step("see that we are signed in"):
        await walk.open("orders")


def _go_on_with(expected: str, outcome: str, complaint: str) -> None:
    if outcome == expected:
        return
    if outcome == "wrong":
        raise SignInNeeded(
            f"AliExpress did not accept the sign-in: “{complaint}”",
            next="Correct username and password in the settings, or run countermand sign-in ACCOUNT. They were tried once only.",
        )
    raise UnknownPage(f"the sign-in led to {outcome}", next="Run countermand sign-in ACCOUNT and look at the browser.")
