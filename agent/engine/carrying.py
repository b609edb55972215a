"""
Carrying a sign-in from one machine to another: from a laptop, where a person can sign in, to a server without a screen.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr, ValidationError

from agent.browser.launch import find_browser
from agent.browser.session import SignedInState, StateStore
from agent.engine.visits import Visits
from agent.engine.workshop import Workshop
from agent.errors import BadInput, SignInNeeded
from agent.model import Frozen
from agent.passphrase import seal, unseal


class Carried(Frozen):
    """What the file holds."""

    portal: str
    account: str
    exported_at: datetime
    state: SignedInState


def export(workshop: Workshop, portal: str, account: str, to: Path, passphrase: SecretStr) -> None:
    """
    Write the signed-in state of an account into a file of its own, for its owner only.

    :raises BadInput: nobody is signed in, or there is such a file already.
    """
    state = kept_state(workshop, portal, account)
    carried = Carried(portal=portal, account=account, exported_at=workshop.clock.now(), state=state)
    sealed = seal(carried.model_dump_json().encode(), passphrase)
    try:
        handle = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise exists(to) from None
    except OSError as error:
        raise BadInput(f"{to} cannot be written ({error.strerror})", next="Give another name.") from None
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, 0o600)
        file.write(sealed)
        file.flush()
        os.fsync(handle)


def kept_state(workshop: Workshop, portal: str, account: str) -> SignedInState:
    """
    The state that is to be carried.

    :raises BadInput: nobody is signed in.
    """
    state = StateStore(workshop.vault).load(portal, account)
    if state is None:
        raise BadInput(
            f"nobody has signed in to account {account} here", next=f"Run countermand sign-in {account} first."
        )
    return state


def exists(to: Path) -> BadInput:
    """An export never overwrites anything."""
    return BadInput(f"there is a file {to} already, and an export never overwrites one", next="Give another name.")


def opened(file: Path, sealed: bytes, passphrase: SecretStr) -> Carried:
    """
    What an exported file holds.

    :raises BadInput: it does not open, or another version wrote it.
    """
    try:
        return Carried.model_validate_json(unseal(sealed, passphrase, str(file)))
    except ValidationError:
        raise BadInput(
            f"{file} was exported by another version of countermand", next="Export once more with this version."
        ) from None


async def take_in(workshop: Workshop, carried: Carried, account: str) -> bool:
    """
    Keep a state that was carried here, once a signed-in page has proved it; what was kept before stays until then.

    :returns: whether it was proved; without a browser it is kept all the same.
    :raises SignInNeeded: the portal does not know it any more. The state that was here stays.
    """
    if find_browser(workshop.settings.browser) is None:
        StateStore(workshop.vault).save(carried.portal, account, carried.state)
        workshop.accounts.accepted(carried.portal, account, by_a_person=True)
        workshop.accounts.resume(carried.portal, account)
        return False
    try:
        await Visits(workshop).take_in(carried.portal, account, carried.state)
    except SignInNeeded as error:
        raise SignInNeeded(
            f"the portal does not know the sign-in that was exported at {carried.exported_at:%Y-%m-%d %H:%M} UTC any more; nothing was changed here",
            next=f"Run countermand sign-in {carried.account} where it was exported, and export once more.",
            **error.facts,
        ) from None
    return True
