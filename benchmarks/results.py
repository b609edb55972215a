"""
The figures of one run as one JSON document, with the machine, the versions and the parameters that they hold for.
"""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.browser.launch import find_browser
from agent.settings import BrowserSettings
from benchmarks.bars import BARS, Bar
from benchmarks.spread import Spread, spread

_ROOT = Path(__file__).parents[1]
Parameters = dict[str, int | tuple[int | tuple[int, ...], ...]]
_PACKAGES = ("playwright", "pydantic", "SQLAlchemy", "typer", "selenium", "robotframework-browser")


class _Written(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Machine(_Written):
    """Where it was measured, and how busy that was beforehand."""

    system: str
    processor: str
    cores: int
    memory_gb: float
    load: float
    """Of the minute before. Times mean little on a machine that was busy already."""
    versions: dict[str, str]


class Row(_Written):
    """One figure."""

    name: str
    value: float
    unit: str = ""
    low: float | None = None
    high: float | None = None
    """Of a ratio: between what it lies with 95 % certainty; of times: the tenth and the ninetieth hundredth."""
    more_is_better: bool = False
    bar: str | None = None
    """The bar it is held to, by its key."""

    @property
    def limit(self) -> Bar | None:
        """The bar itself; ``None``: there is none, or none any more."""
        return None if self.bar is None else BARS.get(self.bar)

    @property
    def reached(self) -> bool | None:
        """Whether it reaches its bar; ``None``: there is none."""
        bar = self.limit
        if bar is None:
            return None
        return self.value >= bar.limit if bar.at_least else self.value <= bar.limit


class Part(_Written):
    """What one measurement gives."""

    ratios: list[Row] = Field(default_factory=list)
    figures: list[Row] = Field(default_factory=list)
    samples: dict[str, list[float]] = Field(default_factory=dict)
    """The single measurements behind the figures, in the order of their rounds."""
    left_out: dict[str, str] = Field(default_factory=dict)
    """What was not measured, and why."""


class Run(Part):
    """Everything that one run measured."""

    at: datetime
    commit: str
    parameters: Parameters
    machine: Machine

    @property
    def missing(self) -> list[Bar]:
        """The bars that nothing was measured for."""
        measured = {row.bar for row in self.ratios}
        return [bar for key, bar in BARS.items() if key not in measured]


def held_to(key: str, value: float | Spread, *sizes: int) -> Row:
    """
    The figure that the bar *key* is about.

    :param sizes: what it was measured with; it is held to the bar only if that is what the bar is for.
    """
    bar = BARS[key]
    found = value if isinstance(value, Spread) else None
    return Row(
        name=bar.words.format(*sizes),
        value=value.value if isinstance(value, Spread) else value,
        low=found.low if found else None,
        high=found.high if found else None,
        more_is_better=bar.at_least,
        bar=key if sizes == bar.sizes else None,
    )


def figure(name: str, values: list[float], unit: str = "ms") -> Row:
    """The median of *values*, with its spread."""
    found = spread(values)
    return Row(name=name, value=found.value, low=found.low, high=found.high, unit=unit)


def together(parts: list[Part]) -> Part:
    """All of them as one."""
    return Part(
        ratios=[row for part in parts for row in part.ratios],
        figures=[row for part in parts for row in part.figures],
        samples={name: values for part in parts for name, values in part.samples.items()},
        left_out={name: why for part in parts for name, why in part.left_out.items()},
    )


def run_of(part: Part, machine: Machine, began: datetime, commit: str, parameters: Parameters) -> Run:
    """What was found, with all that it holds for."""
    return Run(
        ratios=part.ratios,
        figures=part.figures,
        samples=part.samples,
        left_out=part.left_out,
        at=began.astimezone(UTC).replace(microsecond=0),
        commit=commit,
        parameters=parameters,
        machine=machine,
    )


def read_run(file: Path) -> Run:
    """
    The run that is written in *file*.

    :raises ValueError: there is none, in words for people.
    """
    try:
        return Run.model_validate_json(file.read_bytes())
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from None
    except ValidationError:
        raise ValueError(f"{file} is no result of make bench, or of another version of it") from None


def this_machine() -> Machine:
    """What this machine is, and how busy it is now."""
    browser = find_browser(BrowserSettings())
    versions = {"python": platform.python_version()}
    if browser is not None:
        told = subprocess.run([browser, "--version"], capture_output=True, text=True, check=False).stdout.strip()
        versions["browser"] = told or "unknown"
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        load=os.getloadavg()[0],
        versions=versions,
    )


def _processor() -> str:
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text(encoding="utf-8").splitlines() if cpus.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def this_commit() -> str:
    """What is measured: asked for before it is, for somebody may commit meanwhile."""
    command = ["git", "-C", str(_ROOT), "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
