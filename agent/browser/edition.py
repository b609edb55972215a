"""
An edition: one dated selectors file of a portal, as a closed schema.

A person can read it, version it, compare it, and correct it without touching a flow. Unknown keys are errors.
How the files are found, extended and confirmed is in ``editions.py``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

FORMAT = 1
"""The newest edition format this agent reads."""

_EDITION_NAME = re.compile(r"\d{4}-\d{2}-\d{2}(\.\d+)?")


AriaRole = Literal[
    "alert",
    "alertdialog",
    "application",
    "article",
    "banner",
    "blockquote",
    "button",
    "caption",
    "cell",
    "checkbox",
    "code",
    "columnheader",
    "combobox",
    "complementary",
    "contentinfo",
    "definition",
    "deletion",
    "dialog",
    "directory",
    "document",
    "emphasis",
    "feed",
    "figure",
    "form",
    "generic",
    "grid",
    "gridcell",
    "group",
    "heading",
    "img",
    "insertion",
    "link",
    "list",
    "listbox",
    "listitem",
    "log",
    "main",
    "marquee",
    "math",
    "menu",
    "menubar",
    "menuitem",
    "menuitemcheckbox",
    "menuitemradio",
    "meter",
    "navigation",
    "none",
    "note",
    "option",
    "paragraph",
    "presentation",
    "progressbar",
    "radio",
    "radiogroup",
    "region",
    "row",
    "rowgroup",
    "rowheader",
    "scrollbar",
    "search",
    "searchbox",
    "separator",
    "slider",
    "spinbutton",
    "status",
    "strong",
    "subscript",
    "superscript",
    "switch",
    "tab",
    "table",
    "tablist",
    "tabpanel",
    "term",
    "textbox",
    "time",
    "timer",
    "toolbar",
    "tooltip",
    "tree",
    "treegrid",
    "treeitem",
]
"""The roles that Playwright finds elements by."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _as_words(value: object) -> object:
    """``"Submit"`` and ``["Submit", "Send"]`` mean the edition's own language."""
    if isinstance(value, str):
        return {"": [value]}
    if isinstance(value, list):
        return {"": value}
    if isinstance(value, dict):
        return {language: [texts] if isinstance(texts, str) else texts for language, texts in value.items()}
    return value


def _not_empty(words: dict[str, list[str]]) -> dict[str, list[str]]:
    if not words or any(not texts or any(not text.strip() for text in texts) for texts in words.values()):
        raise ValueError("words may not be empty")
    return words


Words = Annotated[dict[str, list[str]], BeforeValidator(_as_words), AfterValidator(_not_empty)]
"""What the portal writes, per language; the key ``""`` is the edition's own language."""


class Trust(_Part):
    """How far something is known: confirmed on a host on a day, or assumed for a reason."""

    confirmed: dict[str, date] = Field(default_factory=dict)
    assumed: str | None = None

    def is_confirmed(self, host: str) -> bool:
        """Whether a person or a capture has confirmed this for *host* (a host name without port)."""
        return host in self.confirmed


class Candidate(_Part):
    """One way to find an element: exactly one of role, label, placeholder, test_id, text, css. Names are exact."""

    role: AriaRole | None = None
    name: Words | None = None
    label: Words | None = None
    placeholder: Words | None = None
    test_id: str | None = None
    text: Words | None = None
    css: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [
            way for way in ("role", "label", "placeholder", "test_id", "text", "css") if getattr(self, way) is not None
        ]
        if len(ways) != 1:
            raise ValueError(
                f"give exactly one of role, label, placeholder, test_id, text, css (here: {', '.join(ways) or 'none'})"
            )
        if self.name is not None and self.role is None:
            raise ValueError("name goes with role")
        return self

    def describe(self) -> str:
        """As a person reads it in a journal, e.g. ``role=button “Submit”``."""
        for way in ("role", "label", "placeholder", "test_id", "text", "css"):
            value = getattr(self, way)
            if value is None:
                continue
            shown = value if isinstance(value, str) else " | ".join(text for texts in value.values() for text in texts)
            names = f" “{' | '.join(text for texts in self.name.values() for text in texts)}”" if self.name else ""
            return f"{way}={shown}{names}"
        raise AssertionError("a candidate has one way")


class Target(Trust):
    """A named thing on a page."""

    intent: str = Field(min_length=3)
    """What it is for, in words: for the next person, and for the error message."""
    try_: list[Candidate] = Field(default_factory=list, alias="try")
    """Candidates in order; a match past the first is drift."""
    layouts: dict[str, list[Candidate]] = Field(default_factory=dict)
    """Candidates per layout (a named page), where they differ."""
    commits: bool = False
    """It may change something that cannot be undone: all candidates together are exactly one visible element, or stop."""
    within: str | None = None
    """The target it stands in."""
    row: str | None = None
    """The target that is the list's row; it is looked for in the order's row only."""
    leads_to: list[str] = Field(default_factory=list)
    """The pages one of which is recognised after a click."""
    when: str | dict[str, list[str]] | None = None
    """When it shows, if not always: in words, or an outcome table and the states in which it must be there."""
    opener: str | None = None
    """For a choice: what is clicked first to see the options."""
    chosen: str | None = None
    """For a choice: where the page shows what is chosen."""

    @model_validator(mode="after")
    def _has_candidates(self) -> Self:
        if not self.try_ and not self.layouts:
            raise ValueError("give candidates: try, or layouts")
        for layout, candidates in self.layouts.items():
            if not candidates:
                raise ValueError(f"the layout {layout} has no candidates")
        return self

    def candidates(self, layout: str | None) -> list[Candidate]:
        """The candidates for the layout at hand."""
        return self.layouts.get(layout or "", self.try_)


class Proof(Trust):
    """How a page proves which order it is about: exactly one of text, link, url, held."""

    text: str | None = None
    """A target whose text holds the number."""
    link: str | None = None
    """A target whose address holds the number."""
    url: list[str] | None = None
    """Parameters of the page's address, one of which holds the number."""
    held: list[str] | None = None
    """Two targets (there, here) that show the same goods, in a tab opened from this order's proved page."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [way for way in ("text", "link", "url", "held") if getattr(self, way) is not None]
        if len(ways) != 1:
            raise ValueError("give exactly one of text, link, url, held")
        if self.held is not None and len(self.held) != 2:
            raise ValueError("held names two targets: the goods on the page before, and the goods here")
        return self


class Page(_Part):
    """A page by the marks that recognise it."""

    host: str
    """A role of ``hosts``."""
    path: str | None = None
    """The path of its address; ``None`` for any."""
    marks: list[Candidate] = Field(default_factory=list)
    """One of them visible, on the right address, is the page."""
    busy: list[Candidate] = Field(default_factory=list)
    """While one of them is visible the page is not there yet."""
    means: Literal["page", "signed_out", "challenge", "unavailable"] = "page"
    what: str | None = None
    """With ``means: challenge``: what the person has to do, as a phrase."""
    layout_of: str | None = None
    """It is one of the looks of that page."""
    proof: list[Proof] = Field(default_factory=list)

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        if (self.means == "challenge") != (self.what is not None):
            raise ValueError("means: challenge and what go together")
        return self


class Challenge(_Part):
    """Something only a person can pass. Never bypassed, solved or disguised."""

    what: str
    """What the person has to do, as a phrase, e.g. "move the slider"."""
    see: Candidate | None = None
    """It is visible: words, or the frame that the check comes in."""
    path: str | None = None
    """The path of the page's address begins with this."""

    @model_validator(mode="after")
    def _has_mark(self) -> Self:
        if self.see is None and self.path is None:
            raise ValueError("give see, path, or both")
        return self


class Outcome(Trust):
    """One entry of an outcome table; the first that holds wins."""

    see: str | None = None
    """This target is visible."""
    page: str | None = None
    """This page is recognised."""
    status: str | None = None
    """The text of this target is one of ``statuses``; the outcome is that state."""
    only: list[str] = Field(default_factory=list)
    """With ``status``: it counts for these states only; any other text is left to the next entry."""
    and_see: str | None = None
    and_not_see: str | None = None
    is_: str | None = Field(default=None, alias="is")
    unsent: bool = False
    """It proves that nothing was sent to the supplier yet."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(way is not None for way in (self.see, self.page, self.status)) != 1:
            raise ValueError("give exactly one of see, page, status")
        if self.status is None and (self.is_ is None or self.only):
            raise ValueError("see and page need is; only goes with status")
        return self


class Status(Trust):
    """The portal's words for one state of an order."""

    texts: Words


class ReasonTexts(Trust):
    """The portal's words for one reason."""

    texts: Words


class Question(Trust):
    """A question of the browser itself (``confirm()``). Accepting it is a commit."""

    intent: str
    text: Words


class Overlay(_Part):
    """Something that lies over pages and steals clicks; closed wherever it appears."""

    see: Candidate
    close: Candidate


class Edition(_Part):
    """One dated selectors file, extended and merged."""

    portal: str
    edition: Annotated[str, AfterValidator(lambda name: _edition_name(name))]
    format: int = Field(ge=1, le=FORMAT)
    locale: str
    extends: str | None = None
    languages: list[str] = Field(default_factory=list)
    """The languages that the edition has the portal's words in; default: its own. A page in another one is refused."""
    hosts: dict[str, list[str]]
    order_parameters: list[str] = Field(default_factory=list)
    """Parameters of addresses that hold an order number: the only ones that evidence keeps."""
    pages: dict[str, Page]
    targets: dict[str, Target]
    outcomes: dict[str, list[Outcome]]
    statuses: dict[str, Status]
    reasons: dict[str, ReasonTexts]
    questions: dict[str, Question] = Field(default_factory=dict)
    overlays: dict[str, Overlay] = Field(default_factory=dict)
    challenges: dict[str, Challenge] = Field(default_factory=dict)
    private: list[str] = Field(default_factory=list)
    """Plain CSS, as browsers know it, of personal data: grey in every picture. What a browser does not know makes no picture."""

    @property
    def language(self) -> str:
        """The edition's own language, e.g. ``en``."""
        return self.locale.split("_")[0]

    def speaks(self, language: str) -> bool:
        """Whether the edition has the portal's words in *language*."""
        return language == self.language or language in self.languages

    def texts(self, words: Words, language: str) -> list[str]:
        """The texts of *words* in the page's *language*; none if the edition does not have that language."""
        own = words.get("", []) if language == self.language else []
        return [*words.get(language, []), *own]

    def layouts_of(self, page: str) -> Iterator[str]:
        """The named layouts of *page*."""
        return (name for name, spec in self.pages.items() if spec.layout_of == page)

    def wrong_names(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Every name that refers to nothing: where it stands, and the nearest one that there is."""
        yield from self._wrong_in_pages()
        yield from self._wrong_in_targets()
        yield from self._wrong_in_outcomes()

    def _wrong_in_pages(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        for name, page in self.pages.items():
            yield from _unknown(("pages", name, "host"), "host", page.host, self.hosts)
            yield from _unknown(("pages", name, "layout_of"), "page", page.layout_of, self.pages)
            if not page.marks and not any(self.layouts_of(name)):
                yield ("pages", name), "give marks, or layouts"
            for place, proof in enumerate(page.proof):
                for target in (proof.text, proof.link, *(proof.held or ())):
                    yield from _unknown(("pages", name, "proof", place), "target", target, self.targets)

    def _wrong_in_targets(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        for name, target in self.targets.items():
            for field in ("within", "row", "opener", "chosen"):
                yield from _unknown(("targets", name, field), "target", getattr(target, field), self.targets)
            for page in target.leads_to:
                yield from _unknown(("targets", name, "leads_to"), "page", page, self.pages)
            for layout in target.layouts:
                yield from _unknown(("targets", name, "layouts", layout), "page", layout, self.pages)
            if target.commits and not target.try_:
                for layout in self.layouts_of(name.split(".")[0]):
                    if layout not in target.layouts:
                        yield ("targets", name, "layouts"), f"it commits, and has no candidates for the layout {layout}"

    def _wrong_in_outcomes(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        for table, entries in self.outcomes.items():
            for place, entry in enumerate(entries):
                for field in ("see", "status", "and_see", "and_not_see"):
                    here = ("outcomes", table, place, field)
                    yield from _unknown(here, "target", getattr(entry, field), self.targets)
                yield from _unknown(("outcomes", table, place, "page"), "page", entry.page, self.pages)
                for state in entry.only:
                    yield from _unknown(("outcomes", table, place, "only"), "status", state, self.statuses)


def _unknown(
    place: tuple[str | int, ...], kind: str, name: str | None, known: Mapping[str, object]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if name is not None and name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        yield place, f"there is no {kind} {name}{f'; did you mean {near[0]}?' if near else ''}"


def _edition_name(name: str) -> str:
    if not _EDITION_NAME.fullmatch(name):
        raise ValueError("an edition is named by its day, e.g. 2026-11-20 or 2026-11-20.1")
    date.fromisoformat(name[:10])
    return name
