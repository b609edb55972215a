"""
A shop's mapping file: which supplier orders belong to which shop orders, as some other system exports it.

A file with a line that cannot be used is not used at all: what the line would have said may be what matters.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.engine.records import Wanted
from agent.errors import BadInput
from agent.portal import portal_named
from agent.settings import Settings
from agent.storefront import ShopOrder

NEEDED = ("shop_order", "supplier_order")
COLUMNS = (*NEEDED, "account")
_DELIMITERS = ",;\t"
_HEADER = f"The columns are {', '.join(NEEDED)} and, if there are several accounts, account."


@dataclass(frozen=True)
class Row:
    """A line of the file."""

    line: int
    shop_order: str
    """A name, a legacy id or a gid."""
    wanted: Wanted

    def may_mean(self, order: ShopOrder) -> bool:
        """Whether the line names *order*, letter by letter but for case and the ``#``."""
        return self.names_id_of(order) or bare(self.shop_order) == bare(order.name)

    def names_id_of(self, order: ShopOrder) -> bool:
        """Whether it names *order* by what no other order has."""
        return self.shop_order in (order.gid, order.gid.rpartition("/")[2])


def read_mapping(settings: Settings, shop: str) -> list[Row]:
    """
    The lines of the shop's mapping file; none, if its settings name no file.

    :raises BadInput: the file cannot be read, or lines of it cannot be used; all of them are named.
    """
    _, shop_settings = settings.shop(shop)
    if shop_settings.links is None:
        return []
    path = settings.base / shop_settings.links.file.expanduser()
    rows: list[Row] = []
    wrong: list[str] = []
    for line, cells in _cells(path):
        try:
            rows.append(_row(settings, line, cells))
        except BadInput as error:
            wrong.append(f"line {line}: {error.what}")
    wrong += _contradictions(rows)
    if wrong:
        raise BadInput(
            f"{path}, {wrong[0]}"
            if len(wrong) == 1
            else f"{len(wrong)} lines of {path} cannot be used: {'; '.join(wrong)}",
            next="Correct the file and give the command again; nothing was taken from it.",
        )
    return rows


def bare(name: str) -> str:
    """People write a shop order with or without its ``#``, and mean the same."""
    return name.strip().removeprefix("#").casefold()


def _cells(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The cells of each line that is not empty, by column; whatever is wrong with the file as a whole is raised."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), delimiter=_delimiter(path), strict=True)
    columns: list[str] = []
    while True:
        line = reader.line_num + 1
        try:
            row = [cell.strip() for cell in next(reader)]
        except StopIteration:
            break
        except csv.Error as error:
            raise BadInput(
                f"{path}, line {line}: the quotes cannot be read from here on: {error}", next="Correct that line."
            ) from None
        if not any(row):
            continue
        if not columns:
            columns = _columns(path, line, row)
            continue
        if len(row) != len(columns):
            yield line, {"": f"there are {len(row)} cells, but the header names {len(columns)} columns"}
        else:
            yield line, dict(zip(columns, row, strict=True))
    if not columns:
        raise BadInput(f"{path} is empty", next=_HEADER)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadInput(
            f"the mapping file {path} cannot be read: {error.strerror or error}",
            next="Put it there, or correct links in the shop's settings.",
        ) from None
    except UnicodeDecodeError:
        raise BadInput(f"the mapping file {path} is not written in UTF-8", next="Save it as UTF-8.") from None


def _delimiter(path: Path) -> str:
    header = _text(path).lstrip().split("\n", 1)[0]
    return max(_DELIMITERS, key=header.count)


def _columns(path: Path, line: int, header: Sequence[str]) -> list[str]:
    columns = [cell.lower().replace("-", "_").replace(" ", "_") for cell in header]
    wrong = [f"the column {name} is missing" for name in NEEDED if name not in columns]
    wrong += [f"“{name}” is no column" for name in columns if name not in COLUMNS]
    wrong += [f"the column {name} is there twice" for name in COLUMNS if columns.count(name) > 1]
    if wrong:
        raise BadInput(f"{path}, line {line}: {'; '.join(wrong)}", next=_HEADER)
    return columns


def _row(settings: Settings, line: int, cells: dict[str, str]) -> Row:
    if "" in cells:
        raise BadInput(cells[""])
    for name in NEEDED:
        if not cells[name]:
            raise BadInput(f"{name} is missing")
    account, account_settings = settings.account(cells.get("account") or None)
    portal = portal_named(account_settings.portal)
    return Row(line, cells["shop_order"], Wanted(portal.name, account, portal.order_id(cells["supplier_order"])))


def _contradictions(rows: Sequence[Row]) -> Iterator[str]:
    """One supplier order belongs to one shop order, and to one account."""
    first: dict[str, Row] = {}
    for row in rows:
        other = first.setdefault(row.wanted.claim, row)
        if (bare(other.shop_order), other.wanted) != (bare(row.shop_order), row.wanted):
            yield f"line {row.line}: supplier order {row.wanted.order_id} is also in line {other.line}, and says otherwise"
