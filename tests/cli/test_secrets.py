"""User name, password, codes, session cookies and tokens are nowhere in clear: not on disk, not on the terminal."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote
from zipfile import ZipFile

import pytest

from fixtures.aliexpress import login, texts
from fixtures.aliexpress.model import Item
from fixtures.aliexpress.seed import MAIN, ORDERS, PASSWORD
from fixtures.aliexpress.sessions import Session, Sessions
from fixtures.playground import Playground
from tests.cli.person import Terminal
from tests.conftest import CommandLine, Ran, needs_browser

pytestmark = needs_browser

LEAKY = str(Path(__file__).with_name("leaky.py"))
REASON = ["--reason", "no_longer_needed"]
SHOP = ["--shop-order", "#1001", "--refund", "now"]


@pytest.fixture(autouse=True)
def echoing(playground: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    """The portal answers at once, and shows our own secrets back on its pages: as goods, and in its answer."""
    world = playground.portal.world
    world.set(delay_ms=0)
    said = f"for {MAIN} with {PASSWORD} and {playground.shop.token}"
    monkeypatch.setitem(texts.REMINDER["en"], "cancelled", said)
    for name in ("placed", "number_wrong"):
        world.change_order(ORDERS[name], items=[Item(title=said)], answers_after=0)


def secrets(playground: Playground) -> dict[str, str]:
    """Everything that must not be found, by what it is."""
    cookies = {f"session {n}": session.id for n, session in enumerate(playground.portal.world.sessions.all())}
    return {"user name": MAIN, "password": PASSWORD, "token": playground.shop.token, "any cookie": "canary-", **cookies}


def leaks(playground: Playground, *ran: Ran, codes: Sequence[str] = ()) -> dict[str, set[str]]:
    """Where each secret is found: in clear, as it stands in an address, or in base64."""
    places: list[tuple[str, bytes]] = [("stdout", one.out.encode()) for one in ran]
    places += [("stderr", one.err.encode()) for one in ran]
    places += [
        (path.relative_to(folder).as_posix(), path.read_bytes())
        for folder in (playground.home, playground.folder / "exported")
        for path in folder.rglob("*")
        if path.is_file()
    ]
    places += [
        (f"{path.parent.name}/{path.name}", archive.read(name))
        for path in playground.home.rglob("trace-*.zip")
        for archive in [ZipFile(path)]
        for name in archive.namelist()
    ]
    found: dict[str, set[str]] = {}
    for what, secret in {**secrets(playground), **{f"code {code}": code for code in codes}}.items():
        for spelled in _spellings(secret):
            for place, content in places:
                if spelled in content:
                    found.setdefault(what, set()).add(place)
    return found


def _spellings(secret: str) -> Sequence[bytes]:
    plain = secret.encode()
    return [plain, quote(secret, safe="").encode(), base64.b64encode(plain).rstrip(b"=")[:-1]]


def test_no_secret_is_left_in_clear(playground: Playground, countermand: CommandLine) -> None:
    """
    After a visit that failed, one that went well, a settlement, and a wrong token: ledger, journals, reports, vault
    and terminal show none of them.
    """
    failed = countermand("cancel", ORDERS["number_wrong"], *REASON, "--verbose", "--json")
    done = countermand("cancel", ORDERS["placed"], *REASON, *SHOP, "--wait", "done", "--verbose")
    (playground.folder / "shop-token").write_text(f"{playground.shop.token}x")
    unlocked = countermand("cancel", ORDERS["placed_2"], *REASON, *SHOP[:1], "#1002", *SHOP[2:], "--verbose")

    assert [30, 0, 20] == [failed.code, done.code, unlocked.code]
    assert {} == leaks(playground, failed, done, unlocked)
    names = {path.parent.name if path.name == "visit.json" else path.suffix for path in playground.home.rglob("*")}
    assert {".db", ".html", ".sealed", ".key", ".zip"} <= names


@pytest.mark.slow
@pytest.mark.parametrize("token_in", ["cookie", "session_storage"])
def test_nor_after_any_failure(playground: Playground, countermand: CommandLine, token_in: str) -> None:
    """
    Refused, a slider, signed out and nothing stored, a wrong password, an import that does not open: whatever stops it, neither cookies
    nor the token in sessionStorage are to be found, nor in an exported file.
    """
    world = playground.portal.world
    world.set(token_in=token_in, details_tab="same")
    passphrase = {"COUNTERMAND_PASSPHRASE": "canary-passphrase"}
    (playground.folder / "exported").mkdir()
    file = str(playground.folder / "exported" / "main.sealed")
    ran = [
        countermand("sign-in", "main", "--headless", "--verbose"),
        countermand("accounts", "export", "main", "--to", file, "--verbose", env=passphrase),
        countermand("accounts", "import", file, "--verbose", env={"COUNTERMAND_PASSPHRASE": "canary-another-one"}),
        countermand("cancel", ORDERS["shipped"], *REASON, "--verbose"),
    ]
    world.set(slider=["detail"])
    stopped = countermand("cancel", ORDERS["placed_2"], *REASON, "--json")
    ran.append(stopped)
    world.set(slider=[])
    world.sessions.expire(MAIN)
    (playground.folder / "password").write_text("canary-wrong-password")
    ran.append(countermand("retry", stopped.json["id"], "--verbose"))
    ran.append(countermand("accounts", "--json", "--verbose"))

    assert [0, 0, 2, 40, 20, 20, 0] == [one.code for one in ran], "".join(one.err for one in ran)
    assert {} == leaks(playground, *ran)
    assert (playground.folder / "exported" / "main.sealed").exists()


@pytest.mark.slow
def test_nor_a_code(playground: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A one-time code that is typed at the terminal, right or wrong, is not to be found, though the portal's complaint repeats it.
    """

    def send_code(self: Sessions, session: Session, account: str) -> None:
        session.checked, session.code = account, "480217"

    monkeypatch.setattr(Sessions, "send_code", send_code)
    monkeypatch.setattr(login, "_WRONG_CODE", "The code 731904 is incorrect.")
    playground.portal.world.set(one_time_code=True)
    shown, codes = [], []
    for code in ("731904", "480217"):
        terminal = Terminal(playground.config, "", ["sign-in", "main", "--headless", "--verbose"])
        try:
            terminal.reads("the one-time code")
            terminal.types(code)
            codes.append(terminal.ends())
        finally:
            terminal.close()
        shown.append(Ran(codes[-1], terminal.shown, ""))

    assert [20, 0] == codes, shown
    assert 2 == playground.portal.world.counted("code attempt")
    assert {} == leaks(playground, *shown, codes=("731904", "480217"))


@pytest.mark.slow
def test_a_vault_and_a_redactor_that_do_nothing_are_found_out(playground: Playground, countermand: CommandLine) -> None:
    """
    The control: with both switched off, the same search finds the cookies in the vault, and the rest in the journals,
    the ledger, the report and on the terminal.
    """
    process = countermand.start("cancel", ORDERS["placed"], *REASON, *SHOP, "--wait", "done", program=(LEAKY,))
    out, err = process.communicate(timeout=180)

    found = leaks(playground, Ran(process.returncode, out, err))

    assert 0 == process.returncode, err
    assert "vault/state-aliexpress-main.sealed" in found["any cookie"]
    for what in ("user name", "password", "token"):
        kinds = {place if place.startswith("std") else Path(place).suffix for place in found[what]}
        assert {".json", ".html", "stdout"} <= kinds, what
        assert kinds & {".db", ".db-wal"}, what
