"""Two results are compared: regressions beyond noise are named, chance is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.check import changes, main, sentences
from benchmarks.results import Row
from tests.benchmarks.made_up import MACHINE, row, run


@pytest.mark.parametrize(
    "old, new, verdict",
    [
        (row("a", 100, 95, 105), row("a", 130, 125, 135), "worse"),
        (row("a", 130, 125, 135), row("a", 100, 95, 105), "better"),
        (row("a", 100, 95, 105), row("a", 109, 108, 110), None),  # not more than two runs differ anyway
        (row("a", 100, 80, 140), row("a", 130, 110, 160), None),  # the one may be the other
        (row("a", 4, more_is_better=True), row("a", 3, more_is_better=True), "worse"),
        (row("a", 3, more_is_better=True), row("a", 4, more_is_better=True), "better"),
        (row("a", 3), row("a", 7), "worse"),  # a count has no spread
        (row("a", 3), row("a", 3), None),
        (row("a", 3), row("b", 7), None),
    ],
)
def test_a_change_is_told_from_chance(old: Row, new: Row, verdict: str | None) -> None:
    """
    It is more than a tenth, and the intervals are apart.
    """
    found = changes(run(figures=[old]), run(figures=[new]))

    assert ([] if verdict is None else [verdict]) == [one.verdict for one in found]


def test_the_worst_ratio_comes_first() -> None:
    """
    Ratios of one run are worth more than times; what became better comes last.
    """
    old = run([row("ratio", 1.0), row("fine", 2.0)], [row("slow", 10), row("slower", 10)])
    new = run([row("ratio", 1.3), row("fine", 1.0)], [row("slow", 20), row("slower", 50)])

    assert ["ratio", "slower", "slow", "fine"] == [one.new.name for one in changes(old, new)]


def test_a_bar_that_is_missed_now_is_named() -> None:
    """
    Whoever reads the sentence sees that a promise went with it.
    """
    before, after = (Row(name="start", value=value, bar="help") for value in (1.4, 1.8))

    assert "worse: start: 1.4 → 1.8 (1.29 times, its bar is missed now)" in sentences(run([before]), run([after]))


def test_what_makes_two_runs_hard_to_compare_is_said() -> None:
    """
    Another machine, a busy one, another browser, other parameters, and what is not measured any more.
    """
    other = MACHINE.model_copy(update={"processor": "Fast One", "load": 1.7, "versions": {"browser": "Chromium 157"}})

    said = sentences(run(figures=[row("a", 1)]), run(machine=other, rounds=5))

    assert [
        "Measured on two different machines: only ratios can be compared.",
        "browser: Chromium 156 then, Chromium 157 now",
        "The machine was busy before the new run (load 1.7 on 2 cores).",
        "The two were run with different parameters.",
        "not measured any more: a",
        "0 figures worse beyond noise, 0 better.",
    ] == said


def test_it_informs_and_fails_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A regression is printed, and the exit code is 0 all the same.
    """
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(run(figures=[row("a", 1)]).model_dump_json())
    new.write_text(run(figures=[row("a", 2)]).model_dump_json())

    assert 0 == main([str(old), str(new)])
    assert "worse: a: 1 → 2 (2.00 times)\n1 figure worse beyond noise, 0 better.\n" == capsys.readouterr().out


@pytest.mark.parametrize(
    "content, said",
    [
        (None, "cannot be read: No such file or directory"),
        ("{}", "is no result of make bench, or of another version of it"),
        ("nonsense", "is no result of make bench, or of another version of it"),
    ],
)
def test_a_file_that_is_no_result_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, said: str
) -> None:
    """
    In one sentence that says what to give instead.
    """
    file = tmp_path / "result.json"
    if content is not None:
        file.write_text(content)

    assert 2 == main([str(file), str(file)])
    assert f"{file} {said}. Give two JSON files from benchmarks/results.\n" == capsys.readouterr().err
