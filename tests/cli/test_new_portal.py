"""`countermand new-portal`: a skeleton that is sound as it stands, and a test that says what is left until it is green."""

from __future__ import annotations

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from agent.browser.editions import Editions
from agent.cli.app import run
from agent.cli.new_portal import add_portal
from agent.errors import BadInput
from tests.conftest import Ran, needs_browser

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("new-portal")]

ROOT = Path(__file__).parents[2]
PACKAGES = ("agent", "flows", "fixtures", "selectors")
FILES = ("pyproject.toml", "README.md", "tests/conftest.py", "tests/browser/bench.py")
DAY = date(2026, 11, 24)
LONG = "a_supplier_with_a_name_that_is_very_long"

FILLED_IN = """\
portal: my_store
edition: "2026-11-24.1"
format: 1
extends: "2026-11-24"
hosts: {www: [www.my-store.example]}
pages:
  orders: {path: /orders, marks: [{role: heading, name: My orders}]}
  details: {path: /details.html, marks: [{css: "#status"}]}
  cancel: {path: /cancel.html, marks: [{role: radio}]}
  sign_in: {path: /sign_in.html, marks: [{label: Password}]}
targets:
  sign_in.user: {try: [{label: User name}]}
  sign_in.password: {try: [{label: Password}]}
  sign_in.go: {try: [{role: button, name: Sign in}]}
  sign_in.error: {try: [{role: alert}]}
  orders.search: {try: [{placeholder: Order number}]}
  orders.search_go: {try: [{role: button, name: Search}]}
  orders.row: {try: [{role: listitem}]}
  orders.empty: {try: [{text: No orders found}]}
  orders.details_link: {try: [{role: link, name: Details}]}
  details.number: {try: [{css: "#number"}]}
  details.status: {try: [{css: "#status"}]}
  details.goods: {try: [{css: .goods}]}
  details.shipment: {try: [{css: .shipment}]}
  details.cancel: {try: [{role: button, name: Cancel order}]}
  cancel.reason: {try: [{css: "label:has(input)"}]}
  cancel.reason_chosen: {try: [{css: "label:has(input:checked)"}]}
  cancel.submit: {try: [{role: button, name: Submit}]}
  cancel.done: {try: [{role: heading, name: Your request was sent}]}
statuses:
  placed: {texts: To ship}
  cancel_requested: {texts: Cancellation requested}
  cancelled: {texts: Cancelled}
  seller_refused: {texts: The seller said no}
  shipped: {texts: Shipped}
  completed: {texts: Completed}
reasons:
  no_longer_needed: {texts: I do not need it any more}
  ordered_by_mistake: {texts: Ordered by mistake}
  duplicate: {texts: Ordered twice}
  change_address: {texts: Another address}
  change_item: {texts: Another item}
  change_shipping: {texts: Another way of shipping}
  apply_coupon: {texts: A coupon}
  payment_problem: {texts: The payment}
  other: {texts: Another reason}
"""
"""What whoever fills in the edition finds on the pretend pages."""

Command = Callable[..., Ran]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout to add to: the parts of this one that are needed."""
    folder = tmp_path / "checkout"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in FILES:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, folder / file)
    return folder


@pytest.fixture
def countermand(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Command]:
    """The command line in this process."""
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGTERM)

    def ran(*arguments: str) -> Ran:
        code = run(arguments)
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    yield ran
    signal.signal(signal.SIGTERM, before)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below *folder*."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def python(checkout: Path, *arguments: str) -> tuple[int, str]:
    """Run Python in *checkout*, with its own packages: exit code, and what was printed."""
    ours = ("COUNTERMAND_", "PYTEST_", "PYTHONPATH")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    if browser := os.environ.get("COUNTERMAND_BROWSER__PATH"):
        environment["COUNTERMAND_BROWSER__PATH"] = browser
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=checkout,
        env=environment | {"COUNTERMAND_HOME": str(checkout / "home"), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return ended.returncode, ended.stdout


def run_its_test(checkout: Path) -> tuple[int, str]:
    """Run the skeleton's own test: exit code, and what was printed."""
    return python(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", "tests/flows/my_store")


def install(checkout: Path) -> None:
    """As ``make setup`` does: the entry points of the checkout's pyproject.toml are found where it lies."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    folder = checkout / f"{project['name']}-{project['version']}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8"
    )
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    (folder / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")


# -- what is made


def test_says_what_it_made(countermand: Command, checkout: Path) -> None:
    """
    The command names every file that is new or changed, and says what to do next.
    """
    before = contents(checkout)
    ran = countermand("--json", "new-portal", "my_store", "--dir", str(checkout))
    after = contents(checkout)

    assert 0 == ran.code, ran.err
    assert sorted(set(after) - set(before)) == ran.json["made"]
    assert sorted(file for file in before if before[file] != after[file]) == ran.json["changed"]
    assert {
        f"flows/my_store/{part}.py" for part in ("__init__", "sign_in", "orders", "cancel", "decision", "portal")
    } <= {*ran.json["made"]}
    assert "make setup" in ran.json["next"][0]


def test_says_it_to_people(countermand: Command, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    In a checkout no folder has to be named.
    """
    monkeypatch.chdir(checkout)
    ran = countermand("new-portal", "my_store")

    assert 0 == ran.code, ran.err
    assert "made    flows/my_store/cancel.py\n" in ran.out
    assert "changed pyproject.toml\n" in ran.out
    assert "1. make setup" in ran.out


def test_readme_and_project_file_name_it(checkout: Path) -> None:
    """
    The README's table of portals has one row more, and the project file one entry point.
    """
    add_portal(checkout, "my_store", DAY)
    add_portal(checkout, "other", DAY)
    readme = (checkout / "README.md").read_text(encoding="utf-8")
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    table = readme[readme.index("| portal | walks |") :].split("\n\n")[0].splitlines()
    assert ["| portal ", "|---|---|", "| AliExpr", "| My Stor", "| Other |"] == [row[:9] for row in table]
    assert "[`flows/my_store`](flows/my_store)" in table[3]
    assert {
        "aliexpress": "flows.aliexpress.portal:PORTAL",
        "my_store": "flows.my_store.portal:PORTAL",
        "other": "flows.other.portal:PORTAL",
    } == project["entry-points"]["countermand.portals"]


def test_flows_and_edition_name_the_same_things(checkout: Path) -> None:
    """
    The empty edition has every page, target and table that the walks name, and no target that nothing uses.
    """
    add_portal(checkout, "my_store", DAY)
    edition = Editions("my_store", checkout / "selectors/my_store", checkout / "none").load().edition
    asked: dict[str, set[str]] = {}
    for path in (checkout / "flows/my_store").glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                spelled = [part.value for part in call.args if isinstance(part, ast.Constant)]
                asked.setdefault(call.func.attr, set()).update(text for text in spelled if isinstance(text, str))
    targets = set().union(*(asked[method] for method in ("fill", "click", "choose", "commit", "read", "rows")))

    assert "2026-11-24" == edition.edition
    assert asked["open"] <= set(edition.pages)
    assert asked["outcome"] == set(edition.outcomes)
    assert asked["trusts"] <= set(edition.statuses)
    assert targets <= set(edition.targets)
    assert asked["commit"] == {name for name, target in edition.targets.items() if target.commits}
    assert {"to be found out"} == {target.assumed for target in edition.targets.values()}


@pytest.mark.parametrize("name", ["my_store", "x", LONG])
def test_ruff_finds_nothing(checkout: Path, name: str) -> None:
    """
    The skeleton is written as this project is, whatever the length of its name.
    """
    add_portal(checkout, name, DAY)
    folders = [f"flows/{name}", f"tests/flows/{name}"]

    assert (0, "All checks passed!\n") == python(checkout, "-m", "ruff", "check", "--no-cache", *folders)
    assert 0 == python(checkout, "-m", "ruff", "format", "--no-cache", "--check", *folders)[0]


def test_mypy_finds_nothing(checkout: Path) -> None:
    """
    The skeleton is typed, strictly; its portal fits the protocol.
    """
    add_portal(checkout, "my_store", DAY)

    code, printed = python(checkout, "-m", "mypy", "flows/my_store", "tests/flows/my_store")

    assert 0 == code, printed


def test_lint_passes_on_the_empty_edition(checkout: Path) -> None:
    """
    Once the portal is installed, `selectors lint` finds nothing wrong with its edition.
    """
    add_portal(checkout, "my_store", DAY)
    install(checkout)

    code, printed = python(checkout, "-m", "agent.cli", "selectors", "lint", f"selectors/my_store/{DAY}.yaml")

    assert (0, "1 edition checked, nothing wrong.\n") == (code, printed)


def test_its_test_says_what_to_fill_in(checkout: Path) -> None:
    """
    The new portal's test fails, and its message names the parts that are to be found out.
    """
    add_portal(checkout, "my_store", DAY)

    code, printed = run_its_test(checkout)

    assert 1 == code, printed
    assert "My Store is not filled in yet. Until this test is green:" in printed
    assert "hosts, pages.orders, " in printed
    assert "targets.cancel.submit, " in printed


@needs_browser
def test_its_test_is_green_once_filled_in(checkout: Path) -> None:
    """
    With what the pretend pages show written into an edition, and nothing else, an order is withdrawn from them.
    """
    add_portal(checkout, "my_store", DAY)
    (checkout / "selectors/my_store/2026-11-24.1.yaml").write_text(FILLED_IN, encoding="utf-8")

    code, printed = run_its_test(checkout)

    assert 0 == code, printed
    assert "1 passed" in printed


# -- what is refused


@pytest.mark.parametrize(
    "name", ["MyStore", "1store", "_store", "my-store", "my store", "../store", "", "über", "class", "a" * 41]
)
def test_a_bad_name_is_refused(countermand: Command, checkout: Path, name: str) -> None:
    """
    A name that cannot be a Python package and a settings key makes nothing.
    """
    before = contents(checkout)
    ran = countermand("new-portal", "--dir", str(checkout), "--", name)

    assert 2 == ran.code
    assert "cannot be the name of a portal" in ran.err
    assert before == contents(checkout)


@pytest.mark.parametrize(
    "there", ["flows/my_store", "selectors/my_store", "fixtures/my_store", "tests/flows/my_store", "pyproject.toml"]
)
def test_what_exists_is_left_alone(countermand: Command, checkout: Path, there: str) -> None:
    """
    Where anything of that name is there already, nothing is written.
    """
    if there == "pyproject.toml":
        file = checkout / there
        text = file.read_text(encoding="utf-8")
        file.write_text(
            re.sub('^aliexpress = "flows', 'my_store = "elsewhere', text, flags=re.MULTILINE), encoding="utf-8"
        )
    else:
        (checkout / there).mkdir(parents=True)
    before = contents(checkout)
    ran = countermand("--json", "new-portal", "my_store", "--dir", str(checkout))

    assert 2 == ran.code
    assert "bad_input" == ran.json["error"]["kind"]
    assert (
        f"my_store exists already: {'the entry point my_store in ' if there == 'pyproject.toml' else ''}{there}"
        in ran.err
    )
    assert before == contents(checkout)


def test_twice_is_refused(countermand: Command, checkout: Path) -> None:
    """
    A second time nothing is overwritten.
    """
    first = countermand("new-portal", "my_store", "--dir", str(checkout))
    before = contents(checkout)
    second = countermand("new-portal", "my_store", "--dir", str(checkout))

    assert (0, 2) == (first.code, second.code)
    assert before == contents(checkout)


@pytest.mark.parametrize("spoilt", ["everything", "pyproject.toml", "README.md", "flows", "another project"])
def test_a_folder_that_is_no_checkout_is_refused(countermand: Command, checkout: Path, spoilt: str) -> None:
    """
    Somewhere else nothing is written, and it is said where to run it.
    """
    folder = checkout.parent / "empty" if spoilt == "everything" else checkout
    folder.mkdir(exist_ok=True)
    if spoilt == "another project":
        (folder / "pyproject.toml").write_text('[project]\nname = "another"\n', encoding="utf-8")
    elif (folder / spoilt).is_dir():
        shutil.rmtree(folder / spoilt)
    else:
        (folder / spoilt).unlink(missing_ok=True)
    before = contents(folder)
    ran = countermand("new-portal", "my_store", "--dir", str(folder))

    assert 2 == ran.code
    assert f"{folder} is no checkout of countermand" in ran.err
    assert before == contents(folder)


@pytest.mark.parametrize(
    ("file", "line", "says"),
    [
        ("README.md", "| portal | walks ", "table of portals"),
        ("pyproject.toml", '[project.entry-points."countermand.portals"]', "table [project.entry-points"),
    ],
    ids=["README", "pyproject"],
)
def test_a_table_that_is_gone_is_named(checkout: Path, file: str, line: str, says: str) -> None:
    """
    Where the row or the entry point would have no place, nothing is written.
    """
    text = (checkout / file).read_text(encoding="utf-8")
    (checkout / file).write_text(text.replace(line, line.replace("portal", "other")), encoding="utf-8")
    before = contents(checkout)

    with pytest.raises(BadInput, match=re.escape(says)):
        add_portal(checkout, "my_store", DAY)

    assert before == contents(checkout)


def test_what_cannot_be_written_leaves_nothing_behind(checkout: Path) -> None:
    """
    Where one place cannot be written, the others are as before.
    """
    shutil.rmtree(checkout / "tests")
    (checkout / "tests").mkdir()
    (checkout / "tests/flows").write_text("a file where a folder should be", encoding="utf-8")
    before = contents(checkout)

    with pytest.raises(BadInput, match="nothing was left behind"):
        add_portal(checkout, "my_store", DAY)

    assert before == contents(checkout)
