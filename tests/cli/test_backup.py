"""``countermand backup`` and ``countermand restore`` as a person and a script use them."""

from __future__ import annotations

import base64
import gc
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from agent.cli.person import TerminalPerson
from agent.engine.backup import read_backup
from agent.engine.database import LEDGER
from agent.engine.records import Cancellation
from agent.errors import SignInNeeded
from agent.model import KeptToken, OrderStage, Stage
from agent.redact import redactor
from agent.vault import Vault, VaultTokens
from fixtures.aliexpress.seed import MAIN, PASSWORD
from fixtures.playground import Playground
from tests.cli.conftest import Within
from tests.engine.bench import ORDER, OTHER, Bench


def filled(playground: Playground, *orders: str) -> list[Cancellation]:
    """A ledger with a cancellation of each order, closed again."""
    bench = Bench.at(playground.home)
    made = [bench.claim(order) for order in orders or (ORDER,)]  # type: ignore[arg-type]
    bench.close()
    return made


@pytest.fixture
def says_yes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Somebody at the terminal, who says yes; what they were asked."""
    asked: list[str] = []

    async def agrees(self: TerminalPerson, question: str) -> bool:
        asked.append(question)
        return True

    monkeypatch.setattr(TerminalPerson, "is_here", True)
    monkeypatch.setattr(TerminalPerson, "agrees", agrees)
    return asked


def test_backup_says_what_it_wrote(within: Within, playground: Playground, tmp_path: Path) -> None:
    """
    File, moment, cancellations, bytes: for scripts as one document, for people as a sentence.
    """
    filled(playground, ORDER, OTHER)

    ran = within("backup", "nightly.db", "--json")
    people = within("backup", "again.db")

    file = tmp_path / "nightly.db"
    made = read_backup(file)
    moment = made.made_at.isoformat().replace("+00:00", "Z")
    assert (0, 0) == (ran.code, people.code)
    assert {"file": str(file), "made_at": moment, "cancellations": 2, "bytes": file.stat().st_size} == ran.json
    assert f"Backed up 2 cancellations to {tmp_path / 'again.db'}" in people.out


def test_a_backup_that_is_refused_exits_with_2(within: Within, playground: Playground, tmp_path: Path) -> None:
    """
    A file that is there, a folder that is not: a sentence, and one JSON document.
    """
    filled(playground)
    (tmp_path / "mine").write_text("mine")

    there, nowhere = within("backup", "mine", "--json"), within("backup", "no/where", "--json")

    assert [2, 2] == [there.code, nowhere.code]
    assert ["bad_input", "bad_input"] == [ran.json["error"]["kind"] for ran in (there, nowhere)]
    assert "never overwrites one" in there.json["error"]["message"]
    assert ("mine", ["mine", "playground"]) == (
        (tmp_path / "mine").read_text(),
        sorted(path.name for path in tmp_path.iterdir()),
    )


def test_restore_puts_it_back(within: Within, playground: Playground, says_yes: list[str]) -> None:
    """
    After a yes; the document says what was restored, how many orders are looked at first, and where the old ledger is.
    """
    one, *_ = filled(playground, ORDER)
    within("backup", "nightly.db")
    filled(playground, OTHER)
    gc.collect()  # in this process an earlier command's connections may still be open

    ran = within("restore", "nightly.db", "--json")

    assert 0 == ran.code, ran.err
    assert ["file", "made_at", "restored_at", "cancellations", "marked", "kept_aside"] == list(ran.json)
    assert (1, 1) == (ran.json["cancellations"], ran.json["marked"])
    assert Path(ran.json["kept_aside"]).name.startswith(f"{LEDGER}.before-restore-")
    assert "holds 2 cancellations now; the backup holds 1 cancellation" in says_yes[0]
    found = within("show", one.id, "--json")
    assert ("open", "submitting", "uncertain") == (
        found.json["stage"],
        found.json["orders"][0]["stage"],
        found.json["error"]["kind"],
    )
    assert "restored" in [event["what"] for event in within("events", one.id, "--json").json["events"]]


def test_restore_tells_people(within: Within, playground: Playground, says_yes: list[str]) -> None:
    """
    What happened, what is looked at, where the old ledger is, and what will be asked.
    """
    filled(playground, ORDER)
    within("backup", "nightly.db")
    gc.collect()

    ran = within("restore", "nightly.db")

    assert 0 == ran.code, ran.err
    for words in ("Restored 1 cancellation from", "1 supplier order may", "before-restore-", "For 60 days"):
        assert words in ran.out


def test_restore_without_a_person_changes_nothing(within: Within, playground: Playground) -> None:
    """
    A pipe is nobody: exit 20.
    """
    filled(playground, ORDER)
    within("backup", "nightly.db")
    gc.collect()
    before = (playground.home / LEDGER).read_bytes()

    ran = within("restore", "nightly.db", "--json")

    assert (20, "approval_needed") == (ran.code, ran.json["error"]["kind"])
    assert before == (playground.home / LEDGER).read_bytes()


def test_restore_while_others_work_is_for_later(within: Within, playground: Playground, says_yes: list[str]) -> None:
    """
    Another process has the ledger open: exit 10, nobody is asked.
    """
    filled(playground, ORDER)
    within("backup", "nightly.db")
    busy = Bench.at(playground.home)

    ran = within("restore", "nightly.db", "--json")
    busy.close()

    assert (10, "retryable", []) == (ran.code, ran.json["error"]["kind"], says_yes)


def test_what_is_no_backup_exits_with_2(within: Within, playground: Playground, tmp_path: Path) -> None:
    """
    Any other file is refused before anybody is asked.
    """
    filled(playground, ORDER)
    (tmp_path / "letter.txt").write_text("Dear customer")

    ran = within("restore", "letter.txt", "--json")

    assert (2, "bad_input") == (ran.code, ran.json["error"]["kind"])
    assert "is no backup of countermand" in ran.json["error"]["message"]


def test_cancel_after_a_restore_needs_a_person(within: Within, playground: Playground, says_yes: list[str]) -> None:
    """
    A new order number, and nobody at the terminal: exit 20, nothing claimed, no browser.
    """
    filled(playground, ORDER)
    within("backup", "nightly.db")
    gc.collect()
    within("restore", "nightly.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TerminalPerson, "is_here", False)
        ran = within("cancel", OTHER, "--reason", "no_longer_needed", "--json")

    assert (20, "approval_needed") == (ran.code, ran.json["error"]["kind"])
    assert 1 == len(within("list", "--json").json["results"])


def secrets(playground: Playground, vault_key: str) -> dict[str, str]:
    """Everything that must not be in a backup, by what it is."""
    return {
        "user name": MAIN,
        "password": PASSWORD,
        "shop token": playground.shop.token,
        "cookie": "canary-cookie-0123456789",
        "kept token": "shpat_canary0123456789abcdef",
        "vault key": vault_key,
    }


def fill_with_secrets(playground: Playground) -> dict[str, str]:
    """A home whose vault holds secrets, and a ledger that a portal and a shop tried to get them into."""
    vault = Vault(playground.home)
    known = secrets(playground, "")
    vault.save("state-aliexpress-main", known["cookie"].encode())
    kept = KeptToken(token=SecretStr(known["kept token"]), ends_at=datetime(2026, 11, 21, tzinfo=UTC))
    VaultTokens(vault).save("main", kept)
    known = secrets(playground, (playground.home / "vault.key").read_text().strip())
    for secret in known.values():
        redactor.learn(secret)
    said = " and ".join(known.values())
    bench = Bench.at(playground.home)
    one = bench.claim(ORDER)
    visit = bench.ledger.begin_visit(one.id, "submit", one.orders[0])
    bench.ledger.move_order(one.orders[0], OrderStage.AWAITING_DECISION, visit, text=said, why=said)
    bench.ledger.fail(one.id, SignInNeeded(said, next=said), visit, stage=Stage.NEEDS_OPERATOR)
    bench.workshop.accounts.take("aliexpress", "main", "a process")
    bench.workshop.accounts.note("aliexpress", "main", paused_because=said)
    bench.close()
    return known


def found_in(content: bytes, known: dict[str, str]) -> set[str]:
    """Which secrets stand in *content*: in clear, as in an address, or in base64."""
    spelled = {
        what: (secret.encode(), quote(secret, safe="").encode(), base64.b64encode(secret.encode()).rstrip(b"=")[:-1])
        for what, secret in known.items()
    }
    return {what for what, spellings in spelled.items() if any(one in content for one in spellings)}


def test_no_secret_is_in_a_backup(within: Within, playground: Playground, tmp_path: Path) -> None:
    """
    Neither what the vault and the settings hold, nor the sealed files themselves, nor what was said with secrets in it.
    """
    known = fill_with_secrets(playground)

    assert 0 == within("backup", "nightly.db").code

    content = (tmp_path / "nightly.db").read_bytes()
    assert set() == found_in(content, known)
    sealed = [path.read_bytes() for path in (playground.home / "vault").glob("*.sealed")]
    assert 2 == len(sealed)
    assert not any(one[:40] in content for one in sealed)


def test_a_redactor_that_does_nothing_is_found_out(
    within: Within, playground: Playground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The control: without redaction the same search finds every one of them in the backup.
    """
    monkeypatch.setattr(type(redactor), "clean", lambda self, text: text)
    known = fill_with_secrets(playground)

    within("backup", "nightly.db")

    assert set(known) == found_in((tmp_path / "nightly.db").read_bytes(), known)
