"""
``cancel --from``: a file of rows becomes requests, or sentences that name the lines to correct.

The whole file is judged before anything is asked for, so that a file with a mistake in it is not half done.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field, ValidationError

from agent.cli.asked import FOR_THE_SHOP, Asked, requests_for
from agent.errors import BadInput

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from agent.engine.asking import Request
    from agent.settings import Settings

STDIN = "-"
_DELIMITERS = ",;\t"
_SEPARATORS = re.compile(r"[\s,;]+")


def _numbers(value: object) -> object:
    """Several order numbers in one cell; JSON may also write them as numbers, or as a list."""
    several = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) or type(one) is int for one in several):
        return value
    return tuple(number for one in several for number in _SEPARATORS.split(str(one)) if number)


class Row(Asked):
    """One row: its columns are called like the options of ``cancel``."""

    order: Annotated[tuple[str, ...], BeforeValidator(_numbers), Field(min_length=1)]

    def over(self, common: Asked) -> Asked:
        """The row's answers, and where it leaves one out that of the command line."""
        own = {name: value for name in COLUMNS if (value := getattr(self, name)) is not None}
        left_out = {"reason", "reason_text"} if own.keys() & {"reason", "reason_text"} else set()
        if "shop_order" not in own and common.shop_order is None:
            left_out |= set(FOR_THE_SHOP)  # the command line's shop options are for the rows with a shop order
        return common.model_copy(update=dict.fromkeys(left_out) | own)


COLUMNS = tuple(Row.model_fields)


@dataclass
class Line:
    """A row where it stands in the file: what it asks for, or what is wrong with it."""

    number: int
    text: str
    """As it stands in the file, for what cannot be read otherwise."""
    cells: Mapping[str, object] = field(default_factory=dict)
    requests: Sequence[Request] = ()
    wrong: list[str] = field(default_factory=list)

    @property
    def order(self) -> str:
        """The order numbers as typed, whatever else is wrong."""
        return " ".join(map(str, _listed(self.cells.get("order"))))


@dataclass(frozen=True)
class Item:
    """What becomes one result: a request and the lines it comes from, or what is wrong with a line that is left out."""

    lines: tuple[int, ...]
    request: Request | BadInput


@dataclass(frozen=True)
class Batch:
    """A file that can be worked through."""

    name: str
    results: Path
    """Where it is written what became of each line."""
    lines: tuple[Line, ...]
    items: tuple[Item, ...]


def read_batch(file: str, common: Asked, settings: Settings, *, skip_bad: bool = False) -> Batch:
    """
    The requests of *file*, or of stdin (``-``).

    :param common: the command line's options: what a row leaves empty.
    :param skip_bad: lines that cannot be used become errors among the items, and do not stop the others.
    :raises BadInput: the file cannot be read, or lines of it cannot be used; all of them are named.
    """
    name, results = ("stdin", Path("countermand-results.csv")) if file == STDIN else (file, Path(f"{file}.results.csv"))
    text = _text(file, name)
    lines = list(_json_lines(text) if _is_json(file, text) else _csv_lines(name, text))
    if not lines:
        raise BadInput(f"{name} names no orders", next="Give it one row for each order.")
    for line in lines:
        _judge(line, common, settings)
    _refuse_contradictions(lines)
    if skip_bad:
        _hold_back(lines, common)
    bad = [f"{name}, line {line.number}: {'. '.join(line.wrong)}" for line in lines if line.wrong]
    if bad and not skip_bad:
        raise BadInput(
            bad[0] if len(bad) == 1 else "\n".join([f"{len(bad)} lines of {name} cannot be used", *bad]),
            next="Correct the file and give the command again; nothing was asked for. --skip-bad leaves these lines out.",
        )
    if not bad:
        _shop_options_have_a_use(name, lines, common)
    return Batch(name, results, tuple(lines), tuple(_items(name, lines)))


# -- from bytes to cells


def _text(file: str, name: str) -> str:
    try:
        content = _stdin() if file == STDIN else Path(file).read_bytes()
    except OSError as error:
        raise BadInput(
            f"{name} cannot be read: {error.strerror or error}", next="Check the name after --from."
        ) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadInput(
            f"{name}, line {line}: this is not written in UTF-8", next="Save the file as UTF-8 and give it again."
        ) from None
    if not text.strip():
        raise BadInput(f"{name}, line 1: the file is empty", next="Give it one row for each order.")
    return text


def _stdin() -> bytes:
    return sys.stdin.buffer.read() if sys.stdin is not None else b""  # it may have been closed by whoever started us


def _is_json(file: str, text: str) -> bool:
    if file == STDIN:
        return text.lstrip().startswith("{")
    suffix = Path(file).suffix.lower()
    if suffix not in (".csv", ".jsonl"):
        raise BadInput(f"{file} is neither .csv nor .jsonl", next="Name the file by what is in it, or use --from -.")
    return suffix == ".jsonl"


def _json_lines(text: str) -> Iterator[Line]:
    for number, written in enumerate(text.split("\n"), start=1):
        if not written.strip():
            continue
        line = Line(number, written)
        try:
            found = json.loads(written, object_pairs_hook=_Pairs)
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            line.wrong.append("this holds half a character (a lone surrogate)")
        except (ValueError, RecursionError) as error:
            line.wrong.append(f"this is no JSON: {getattr(error, 'msg', error)}")
        else:
            if isinstance(found, _Pairs):
                line.wrong += [f"{key} is given twice" for key in found.twice()]
                line.cells = {key: value for key, value in found if not _is_empty(value)}
            else:
                line.wrong.append('this is no JSON object; write e.g. {"order": "8190123456789012"}')
        yield line


class _Pairs(list[tuple[str, object]]):
    """A JSON object as it is written: a key that is there twice is seen."""

    def twice(self) -> list[str]:
        """The keys that are."""
        keys = [key for key, _ in self]
        return sorted({key for key in keys if keys.count(key) > 1})


def _csv_lines(name: str, text: str) -> Iterator[Line]:
    rows = _csv_rows(name, text)
    first, header, _ = next(rows)
    columns = _columns(name, first, header)
    for number, row, written in rows:
        line = Line(number, written, {column: cell for column, cell in zip(columns, row, strict=False) if cell})
        if len(row) != len(columns):
            line.wrong.append(
                f"there are {len(row)} cells, but the header names {len(columns)} columns; "
                "quote a cell that holds the delimiter"
            )
        yield line


def _csv_rows(name: str, text: str) -> Iterator[tuple[int, list[str], str]]:
    """The rows that are not empty, each with the number of the line it begins on."""
    header = text.lstrip().split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + 1
        try:
            row = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            raise BadInput(
                f"{name}, line {number}: the quotes or delimiters cannot be read from here on: {error}",
                next="Correct that line, and give the file again.",
            ) from None
        if any(row):
            yield number, row, delimiter.join(row)


def _columns(name: str, number: int, header: Sequence[str]) -> list[str]:
    columns = [cell.lower().replace("-", "_").replace(" ", "_") for cell in header]
    where = f"{name}, line {number}"
    known = f"The columns are {', '.join(COLUMNS)}."
    if not set(columns) & set(COLUMNS):
        raise BadInput(f"{where}: this is no header; the first line names the columns, e.g. order,reason", next=known)
    wrong = [_unknown(column) for column in columns if column not in COLUMNS]
    wrong += [f"the column {column} is there twice" for column in COLUMNS if columns.count(column) > 1]
    if "order" not in columns:
        wrong.append("the column order is missing")
    if wrong:
        raise BadInput(f"{where}: {'; '.join(wrong)}", next=known)
    return columns


def _unknown(column: str) -> str:
    near = difflib.get_close_matches(column, COLUMNS, n=1)
    return f"“{column}” is no column" + (f", did you mean {near[0]}?" if near else "")


# -- from cells to requests


def _judge(line: Line, common: Asked, settings: Settings) -> None:
    if line.wrong:
        return
    try:
        line.requests = requests_for(settings, Row.model_validate(line.cells).over(common), queued=True)
    except ValidationError as error:
        line.wrong += [_sentence(one) for one in error.errors()]
    except BadInput as error:
        line.wrong.append(f"{error.what}. {error.next.rstrip('.')}")


def _sentence(error: ErrorDetails) -> str:
    name, value = str(error["loc"][0]), error["input"]
    match error["type"]:
        case "missing" | "too_short":
            return f"{name} is missing"
        case "extra_forbidden":
            return _unknown(name)
        case "enum":
            return f"“{value}” is no {name}; write {error['ctx']['expected']}"
        case "bool_parsing" | "bool_type":
            return f"“{value}” is no answer to {name}; write yes or no"
        case _:
            return f"“{value}” is no {name}; write it as text"


def _refuse_contradictions(lines: Sequence[Line]) -> None:
    """The same supplier order or shop order with different choices: nobody can tell which of the lines is meant."""
    together: dict[str, list[tuple[Line, Request]]] = {}
    for line in lines:
        for request in line.requests:
            for wanted in request.wanted:
                together.setdefault(f"order {wanted.order_id}", []).append((line, request))
            if request.shop_order is not None:
                together.setdefault(f"shop order {_shop_key(request)}", []).append((line, request))
    for what, found in together.items():
        first, by_first = found[0]
        other = next((one for one in found if _differences(what, by_first, one[1])), None)
        if other is None:
            continue
        for line, request in found:
            against, by_other = (first, by_first) if _differences(what, by_first, request) else other
            differences = ", ".join(_differences(what, request, by_other))
            line.wrong.append(f"{what} is also in line {against.number}, with other choices: {differences}")


def _differences(what: str, request: Request, other: Request) -> list[str]:
    """In what the two differ; several accounts may be behind one shop order, but not behind one supplier order."""
    pairs: dict[str, tuple[object, object]] = {
        "reason": (request.reason, other.reason),
        "settle": (request.settle, other.settle),
        "shop_order": (_shop_key(request), _shop_key(other)),
        "only_these": (request.only_these, other.only_these),
    }
    if what.startswith("order "):
        pairs["account"] = (request.wanted[0].account, other.wanted[0].account)
    if request.shop_choices is not None and other.shop_choices is not None:
        ours, theirs = request.shop_choices.model_dump(), other.shop_choices.model_dump()
        pairs |= {name: (value, theirs[name]) for name, value in ours.items()}
    return [name for name, (one, second) in pairs.items() if one != second]


def _hold_back(lines: Sequence[Line], common: Asked) -> None:
    """
    A line that may share its shop order with one that cannot be used waits with it: the shop order would be cancelled,
    and paid back, while one of the supplier orders behind it is still on its way.
    """
    bad = [line for line in lines if line.wrong]
    all_bad = "\n".join(line.text for line in bad).casefold()
    for line in lines:
        shop_order = next((_bare(request.shop_order) for request in line.requests if request.shop_order), None)
        if line.wrong or shop_order is None:
            continue
        given_for_all = shop_order == _bare(common.shop_order)
        if not given_for_all and shop_order not in all_bad:  # most are not: a long file is not searched line by line
            continue
        named = re.compile(rf"(?<!\w){re.escape(shop_order)}(?!\w)")
        for other in bad:
            if named.search(other.text.casefold()) or (given_for_all and "shop_order" not in other.cells):
                line.wrong.append(f"line {other.number}, which cannot be used, may belong to the same shop order")
                break


def _shop_options_have_a_use(name: str, lines: Sequence[Line], common: Asked) -> None:
    stray = [f"--{option.replace('_', '-')}" for option in FOR_THE_SHOP if getattr(common, option) is not None]
    if stray and not any(request.shop_order for line in lines for request in line.requests):
        raise BadInput(
            f"{', '.join(stray)} only goes with a shop order, and no row of {name} names one",
            next="Add a column shop_order, or leave the option out.",
        )


def _items(name: str, lines: Sequence[Line]) -> list[Item]:
    """Rows of one shop order are one request, and the same row twice is one too."""
    requests: dict[str, tuple[list[int], Request]] = {}
    items: list[Item] = []
    for line in lines:
        if line.wrong:
            what = f"{name}, line {line.number}: {'. '.join(line.wrong)}"
            items.append(Item((line.number,), BadInput(what, next="Correct the line and give the file again.")))
            continue
        for request in line.requests:
            key = request.wanted[0].claim if request.shop_order is None else f"shop {_shop_key(request)}"
            if key not in requests:
                requests[key] = ([line.number], request)
                continue
            numbers, first = requests[key]
            numbers.append(line.number)
            requests[key] = (numbers, _joined(first, request))
    items += [Item(tuple(dict.fromkeys(numbers)), request) for numbers, request in requests.values()]
    return sorted(items, key=lambda item: item.lines[0])


def _joined(request: Request, other: Request) -> Request:
    from dataclasses import replace

    return replace(request, wanted=tuple(dict.fromkeys((*request.wanted, *other.wanted))))


def _shop_key(request: Request) -> str:
    return f"{_bare(request.shop_order)} of {request.shop}" if request.shop_order is not None else ""


def _bare(shop_order: str | None) -> str:
    """People write a shop order with or without its ``#``, and mean the same."""
    return (shop_order or "").strip().removeprefix("#").casefold()


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]
