"""
Bar charts as one SVG, and as a picture by the browser's own hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from html import escape
from pathlib import Path

from agent.browser.launch import driver, launch
from agent.settings import BrowserSettings
from benchmarks.results import Row, Run
from benchmarks.showing import short

_WIDTH = 980
_LABELS = 330
_NUMBERS = 130
_LINE = 26
_TITLE = 44
_OURS, _OTHERS, _MISSED, _INK = "#2f6fb4", "#b9c2cc", "#c2571a", "#1d2731"


def charts(run: Run) -> str:
    """One chart for each latency, then the ratios with their bars."""
    groups: dict[str, list[Row]] = {}
    for row in run.figures:
        if row.unit == "ms" and ", at " in row.name and row.name.endswith(" ms"):
            groups.setdefault(row.name.rpartition(", at ")[2], []).append(row)
    parts: list[str] = []
    top = 8
    for latency, rows in groups.items():
        part, top = _times(
            f"one withdrawal, each answer of the portal takes {latency} (ms, median, 10 % to 90 %)", rows, top
        )
        parts.append(part)
    held = [row for row in run.ratios if row.limit is not None]
    if held:
        part, top = _held("measured against its bar (the line; longer is better where the bar says ≥)", held, top)
        parts.append(part)
    machine = run.machine
    foot = f"{run.at:%Y-%m-%d}, {machine.processor}, {machine.cores} cores, load {machine.load:.1f} beforehand"
    parts.append(_text(12, top + 18, foot, size=12))
    height = top + 34
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" '
        f'font-family="system-ui, sans-serif"><rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def _times(title: str, rows: Sequence[Row], top: int) -> tuple[str, int]:
    most = max(row.high or row.value for row in rows) or 1.0
    scale = (_WIDTH - _LABELS - _NUMBERS) / most
    parts = [_text(12, top + 26, title, size=15, weight="600")]
    at = top + _TITLE
    for row in rows:
        name = row.name.rpartition(", at ")[0]
        parts.append(
            _bar(at, name, row.value * scale, f"{short(row.value)} ms", _OURS if name.startswith("ours") else _OTHERS)
        )
        if row.low is not None and row.high is not None:
            low, high = _LABELS + row.low * scale, _LABELS + row.high * scale
            middle = at + _LINE / 2 - 2
            parts.append(f'<path d="M{low:.1f} {middle}H{high:.1f}" stroke="{_INK}" stroke-width="1.5"/>')
        at += _LINE
    return "".join(parts), at


def _held(title: str, rows: Sequence[Row], top: int) -> tuple[str, int]:
    """All on one scale: each as a share of its bar, which is the line."""
    shares = [(row, row.limit, row.value / row.limit.limit) for row in rows if row.limit is not None]
    most = max(1.25, *(min(share, 3.0) for _, _, share in shares))
    scale = (_WIDTH - _LABELS - _NUMBERS - 130) / most
    left = _LABELS + 130
    parts = [_text(12, top + 26, title, size=15, weight="600")]
    at = top + _TITLE
    for row, bar, share in shares:
        told = f"{short(row.value)} ({'≥' if bar.at_least else '≤'} {bar.limit:g})"
        fill = _OURS if row.reached else _MISSED
        parts.append(_bar(at, row.name, min(share, 3.0) * scale, told, fill, left=left, size=11))
        at += _LINE
    line = left + scale
    parts.append(
        f'<path d="M{line:.1f} {top + _TITLE - 4}V{at - 4}" stroke="{_INK}" stroke-width="1.5" stroke-dasharray="4 3"/>'
    )
    return "".join(parts), at


def _bar(top: float, name: str, width: float, told: str, fill: str, *, left: int = _LABELS, size: int = 13) -> str:
    return (
        _text(left - 10, top + 16, name, size=size, anchor="end")
        + f'<rect x="{left}" y="{top + 2}" width="{max(width, 1):.1f}" height="{_LINE - 8}" fill="{fill}" rx="2"/>'
        + _text(_WIDTH - 12, top + 16, told, size=12, anchor="end")
    )


def _text(x: float, y: float, words: str, *, size: int, weight: str = "400", anchor: str = "start") -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" fill="{_INK}">'
        f"{escape(words)}</text>"
    )


def picture(svg: str, to: Path) -> None:
    """*svg* as a PNG file."""
    asyncio.run(_picture(svg, to))


async def _picture(svg: str, to: Path) -> None:
    async with driver() as playwright:
        browser = await launch(playwright, BrowserSettings(), headed=False)
        try:
            tab = await browser.new_page(device_scale_factor=2)
            await tab.set_content(f"<body style='margin:0'>{svg}</body>")
            await tab.locator("svg").screenshot(path=to)
        finally:
            await browser.close()
