"""What people see of a run: the table, the README's summary, the charts."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from benchmarks.bars import BARS
from benchmarks.chart import charts
from benchmarks.results import Row, held_to
from benchmarks.showing import BEGIN, END, print_run, summary, write_summary
from benchmarks.spread import Spread
from tests.benchmarks.made_up import run

ROOT = Path(__file__).parents[2]
MEASURED = run(
    [held_to("default_0", Spread(1.52, 1.44, 1.61)), held_to("fifty", Spread(1.9, 1.8, 2.1), 50)],
    [
        Row(name="floor, at 0 ms", value=400, low=380, high=430, unit="ms"),
        Row(name="ours & more, at 0 ms", value=608, low=590, high=640, unit="ms"),
    ],
)


def printed(one: object = MEASURED) -> str:
    """The run as the terminal shows it."""
    out = io.StringIO()
    print_run(one, Console(file=out, width=200))  # type: ignore[arg-type]
    return out.getvalue()


@pytest.mark.parametrize(
    "key, value, reached",
    [("help", 1.5, True), ("help", 1.51, False), ("selenium", 1.0, True), ("selenium", 0.99, False)],
)
def test_a_bar_is_reached_up_to_itself(key: str, value: float, reached: bool) -> None:
    """
    Some may not be above, some not below.
    """
    assert reached == held_to(key, value).reached


def test_other_sizes_are_held_to_no_bar() -> None:
    """
    A ledger of a hundred rows proves nothing about a hundred thousand, and its figure does not say so.
    """
    small, due = held_to("list", 1.0, 10, 100), held_to("list", 1.0, 100, 100_000)

    assert ("countermand list with 100 rows ÷ with 10", None) == (small.name, small.reached)
    assert (BARS["list"].what, True) == (due.name, due.reached)


def test_ratios_come_first_with_their_verdicts() -> None:
    """
    Each with its interval, its bar and whether that is reached; then times; then where it was measured.
    """
    lines = [" ".join(line.split()) for line in printed().splitlines() if line.strip()]

    assert "one withdrawal, warm, default evidence ÷ floor, at 0 ms 1.52 1.44 … 1.61 ≤ 1.6 reached" == lines[2]
    assert "50 orders, one account: script ÷ ours, default evidence, at 0 ms 1.9 1.8 … 2.1 ≥ 2 not reached" == lines[3]
    assert "floor, at 0 ms 400 ms 380 … 430" in lines
    assert lines[-1].startswith("2026-11-23 12:00 UTC, commit abc1234, Slow One, 2 cores, 4 GB, Linux")


def test_every_bar_is_in_every_table() -> None:
    """
    What was not measured is said, not left out.
    """
    text, table = printed(run()), summary(run())

    assert [] == [bar.what for bar in BARS.values() if f"not measured in this run: {bar.what}" not in text]
    assert [] == [bar.what for bar in BARS.values() if f"| {bar.what} | not measured |" not in table]


def test_a_run_of_few_rounds_says_so() -> None:
    """
    Nobody takes a try for a measurement.
    """
    assert "With rounds=1 these figures mean little." in printed(run(rounds=1))
    assert "mean little" not in printed()


def test_a_peer_that_is_not_there_is_named_with_the_reason() -> None:
    """
    Whoever reads the table sees what would have to be installed.
    """
    left_out = {"robot": "not installed: the package robotframework-browser is missing"}

    assert "robot: not installed: the package robotframework-browser is missing\n" in printed(
        MEASURED.model_copy(update={"left_out": left_out})
    )


def test_the_summary_takes_its_place_in_the_readme(tmp_path: Path) -> None:
    """
    Between the markers, and again; what stands around them stays.
    """
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")

    write_summary(run(), readme)
    write_summary(MEASURED, readme)

    assert f"before\n{BEGIN}\n{summary(MEASURED)}\n{END}\nafter\n" == readme.read_text()


def test_a_readme_without_the_place_is_left_alone(tmp_path: Path) -> None:
    """
    It says which lines are missing.
    """
    readme = tmp_path / "README.md"
    readme.write_text(f"only {BEGIN}\n")

    with pytest.raises(ValueError, match="no place for the summary"):
        write_summary(MEASURED, readme)
    assert f"only {BEGIN}\n" == readme.read_text()


def test_our_readme_has_the_place() -> None:
    """
    `make bench ARGS=--readme` finds it.
    """
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    assert [1, 1] == [text.count(BEGIN), text.count(END)]
    assert text.index(BEGIN) < text.index(END)


def test_bars_are_as_long_as_what_they_show() -> None:
    """
    The chart is well-formed, and half the time is half as long.
    """
    svg = ElementTree.fromstring(charts(MEASURED))
    bars = [float(one.get("width", "")) for one in svg.iter("{http://www.w3.org/2000/svg}rect") if one.get("rx")]
    words = [one.text for one in svg.iter("{http://www.w3.org/2000/svg}text")]

    assert pytest.approx(608 / 400, rel=1e-3) == bars[1] / bars[0]
    assert pytest.approx((1.9 / 2.0) / (1.52 / 1.6), rel=1e-3) == bars[3] / bars[2]
    assert "ours & more" in words


def test_a_run_without_figures_has_an_empty_chart() -> None:
    """
    Only where and when it was measured.
    """
    assert "Slow One" in charts(run())
