"""
From an element that a person pointed at to candidates that find it again.

What a person reads comes first (role and name, label, placeholder), then what programmers name things by. Positions and classes
that a build makes up never: they are gone with the portal's next release. Every candidate is proved on the page.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast, get_args

from playwright.async_api import ElementHandle, Locator
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page as Tab
from pydantic import BaseModel, ConfigDict

from agent.browser.edition import AriaRole, Candidate, Edition
from agent.browser.finding import one_line
from agent.browser.targets import locate

_LONGEST_NAME = 80

_FACTS = """element => {
  const text = one => (one?.innerText ?? '').replace(/\\s+/g, ' ').trim();
  const labels = (element.getAttribute('aria-labelledby') ?? '').split(/\\s+/).filter(Boolean);
  return {
    tag: element.localName, type: element.getAttribute('type'), role: element.getAttribute('role'),
    links: element.hasAttribute('href'), text: text(element),
    named: labels.map(id => text(document.getElementById(id))).filter(Boolean).join(' ')
      || element.getAttribute('aria-label') || '',
    label: text(element.labels?.[0]), value: ['submit', 'button', 'reset'].includes(element.type) ? element.value : '',
    alt: element.getAttribute('alt') ?? element.getAttribute('title') ?? '',
    attributes: Object.fromEntries([...element.attributes].map(one => [one.name, one.value])),
    classes: [...element.classList],
  };
}"""

_ACTED_ON = """element => {
  const found = element.closest('button, a[href], input, select, textarea, label, summary, option, [role=button], [role=link],'
    + '[role=option], [role=radio], [role=checkbox], [role=menuitem], [role=menuitemradio], [role=tab], [role=switch],'
    + '[role=combobox], [tabindex]:not([tabindex="-1"])') ?? element;
  return found.localName === 'label' && found.control ? found.control : found;
}"""
"""What a click on the element acts on: the button around the words, the field of a label."""

_ALIKE = """element => {
  const kept = one => [...one.classList].map(name => name.replace(/(--|__)[A-Za-z0-9]+$/, ''));
  const alike = (one, other) => one.localName === other.localName && one.getAttribute('role') === other.getAttribute('role')
    && (kept(one).some(name => kept(other).includes(name)) || (!one.classList.length && !other.classList.length));
  const shown = one => one.checkVisibility() && (one.innerText ?? '').trim();
  for (let item = element; item.parentElement && item !== document.body; item = item.parentElement) {
    const items = [...item.parentElement.children].filter(one => shown(one) && alike(one, item));
    if (items.length < 2) continue;
    const inner = element === item ? null
      : element.closest('button, a[href], label, option, [role=option], [role=radio], [role=button], [role=menuitemradio]');
    if (!inner || inner === item || !item.contains(inner)) return items;
    const inners = items.map(one => [...one.querySelectorAll(inner.localName)].filter(two => alike(inner, two)));
    return inners.every(found => found.length === 1) ? inners.flat() : items;
  }
  return [element];
}"""
"""The elements of the list that it is one of."""

_BLOCK = """element => {
  let block = element;
  while (getComputedStyle(block).display.startsWith('inline') && block.parentElement) block = block.parentElement;
  return block;
}"""
"""The whole of a sentence of which a word was pointed at."""

_SAME = "(found, wanted) => found.length === wanted.length && found.every(one => wanted.includes(one))"

_PARENT_FACTS = f"element => ({_FACTS})(element.parentElement)"

_ROLES = {
    "button": "button",
    "select": "combobox",
    "textarea": "textbox",
    "option": "option",
    "li": "listitem",
    "dialog": "dialog",
}
_INPUT_ROLES = {
    "submit": "button", "button": "button", "reset": "button", "image": "button", "radio": "radio",
    "checkbox": "checkbox", "search": "searchbox", "number": "spinbutton",
}  # fmt: skip
_NAMES = ("name", "data-pl", "data-role", "data-type", "data-qa", "data-test", "aria-label")
"""Attributes that programmers name things by."""
_CHOSEN = ("aria-checked", "aria-selected", "aria-pressed", "aria-current")
"""Attributes that say that an entry is chosen."""
_STATES = {
    "active", "selected", "checked", "disabled", "hover", "focus", "focused", "open", "opened", "opening", "loading", "hidden", "visible",
    "current", "pressed", "show", "in", "on", "off", "enter", "leave", "animated",
}  # fmt: skip
"""Words in classes that say how something is at the moment, not what it is."""


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    tag: str
    type: str | None
    role: str | None
    links: bool
    text: str
    named: str
    label: str
    value: str
    alt: str
    attributes: dict[str, str]
    classes: list[str]

    @property
    def aria_role(self) -> AriaRole | None:
        """The role that Playwright knows it by."""
        role = (self.role or "").split(" ")[0]
        if not role and self.tag == "input":
            role = _INPUT_ROLES.get(self.type or "text", "textbox")
        elif not role and self.tag == "a" and self.links:
            role = "link"
        elif not role:
            role = "heading" if re.fullmatch(r"h[1-6]", self.tag) else _ROLES.get(self.tag, "")
        return cast("AriaRole", role) if role in get_args(AriaRole) else None


@dataclass(frozen=True)
class Group:
    """The list that a person pointed into: ways to find all of it, and its words in the page's order."""

    candidates: list[Candidate]
    texts: list[str]
    pointed_at: int
    css: str | None
    """CSS that finds exactly this list; ``None`` if none of the candidates is CSS."""


async def acted_on(element: ElementHandle) -> ElementHandle:
    """What a click on *element* acts on."""
    found = (await element.evaluate_handle(_ACTED_ON)).as_element()
    return element if found is None else found


async def derive(element: ElementHandle, scope: Tab | Locator, edition: Edition, language: str) -> list[Candidate]:
    """
    Ways to find exactly *element* within *scope*, the best first; none if nothing about it lasts.

    A class alone is the last resort: what looks the same is not the same.
    """
    facts = await _facts(element)
    found = await _proved(_by_name(facts, language), [element], scope, edition, language)
    return found or await _proved(_by_class(facts), [element], scope, edition, language)


async def derive_words(
    element: ElementHandle, scope: Tab | Locator, edition: Edition, language: str
) -> list[Candidate]:
    """Ways to find *element* by what it says, and by nothing else: the same place may say something else next time."""
    block = (await element.evaluate_handle(_BLOCK)).as_element()
    for whole in (element,) if block is None else (block, element):
        facts = await _facts(whole)
        found = await _proved(_by_words(facts, language), [whole], scope, edition, language)
        if found:
            return found
    return []


async def derive_list(element: ElementHandle, tab: Tab, edition: Edition, language: str) -> Group:
    """The list that *element* is in, and ways to find all of it and nothing else."""
    items = await element.evaluate_handle(_ALIKE)
    handles = [
        one for one in (part.as_element() for part in (await items.get_properties()).values()) if one is not None
    ]
    first = await _facts(handles[0])
    around = _Facts.model_validate(await handles[0].evaluate(_PARENT_FACTS))
    all_classes = [set(facts.classes) for facts in [await _facts(one) for one in handles]]
    shared = set.intersection(*all_classes)
    common = first.model_copy(update={"classes": [name for name in first.classes if name in shared]})
    candidates = await _proved(_of_list(common, around), handles, tab, edition, language)
    inside = [
        bool(await one.evaluate("(one, other) => one.contains(other) || other.contains(one)", element))
        for one in handles
    ]
    texts = [one_line(await one.inner_text()) for one in handles]
    css = next((one.css for one in candidates if one.css is not None), None)
    return Group(candidates, texts, inside.index(True), css)


async def proves(
    candidate: Candidate, wanted: Sequence[ElementHandle], scope: Tab | Locator, edition: Edition, language: str
) -> bool:
    """Whether *candidate* means exactly the elements *wanted*."""
    try:
        return bool(await locate(scope, candidate, edition, language).evaluate_all(_SAME, list(wanted)))
    except PlaywrightError:
        return False


def lasting_class(name: str) -> str | None:
    """
    CSS for a class that outlives the portal's next build: ``.order-item``, or ``[class*="row--"]`` where a hash follows.

    :returns: ``None`` for a class that is a hash, or says how something is at the moment.
    """
    module = re.fullmatch(r"([A-Za-z][\w-]*(?:--|__))([A-Za-z0-9_-]{3,10})", name)
    if module and _is_hash(module[2]):
        return f'[class*="{module[1]}"]' if _is_plain(module[1].rstrip("-_")) else None
    return f".{name}" if _is_plain(name) and re.fullmatch(r"[A-Za-z][\w-]+", name) else None


def is_lasting(text: str) -> bool:
    """Whether these words are the same for the next order: no numbers, amounts or dates, and no paragraph."""
    return 1 < len(text) <= _LONGEST_NAME and not re.search(r"\d{3}|\d[.,:/]\d", text)


def _is_hash(part: str) -> bool:
    """Not a word: digits amid letters, capitals amid small ones, or no vowel at all."""
    if len(part) >= 3 and re.search(r"\d", part) and re.search(r"[A-Za-z]", part):
        return True
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", part)
    if len(words) > 1 and sum(map(len, words)) / len(words) < 3:
        return True
    return len(part) >= 5 and not re.search(r"[aeiouyAEIOUY]", part)


def _is_plain(name: str) -> bool:
    """Made of words."""
    parts = [part for part in re.split(r"[-_]+", name) if part]
    if name.startswith("_") or not parts or parts[0] in ("css", "sc", "jss", "emotion", "svelte", "ng"):
        return False
    words = [word.lower() for part in parts for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", part)]
    if _STATES & set(words):
        return False
    return not any(_is_hash(part) or part.isdigit() for part in parts if not re.fullmatch(r"v\d", part))


async def _facts(element: ElementHandle) -> _Facts:
    return _Facts.model_validate(await element.evaluate(_FACTS))


async def _proved(
    candidates: Iterable[Candidate],
    wanted: Sequence[ElementHandle],
    scope: Tab | Locator,
    edition: Edition,
    language: str,
) -> list[Candidate]:
    proved: list[Candidate] = []
    for one in candidates:
        if one not in proved and await proves(one, wanted, scope, edition, language):
            proved.append(one)
    return proved


def _by_name(facts: _Facts, language: str) -> Iterator[Candidate]:
    """By what people and programmers call it."""
    yield from _by_role(facts, language)
    if is_lasting(facts.label):
        yield Candidate(label={language: [facts.label]})
    if is_lasting(placeholder := facts.attributes.get("placeholder", "")):
        yield Candidate(placeholder={language: [placeholder]})
    if (test_id := facts.attributes.get("data-testid", "")) and _is_plain(test_id):
        yield Candidate(test_id=test_id)
    yield from (Candidate(css=css) for css in _attributes(facts))
    if is_lasting(facts.text):
        yield Candidate(text={language: [facts.text]})


def _by_words(facts: _Facts, language: str) -> Iterator[Candidate]:
    yield from _by_role(facts, language)
    if is_lasting(facts.text):
        yield Candidate(text={language: [facts.text]})


def _by_role(facts: _Facts, language: str) -> Iterator[Candidate]:
    if (role := facts.aria_role) is not None:
        for name in (facts.named, facts.label, facts.value, facts.alt, facts.text):
            if is_lasting(name):
                yield Candidate(role=role, name={language: [name]})


def _by_class(facts: _Facts) -> Iterator[Candidate]:
    lasting = [css for css in map(lasting_class, facts.classes) if css is not None]
    yield from (Candidate(css=css) for css in lasting)
    yield from (Candidate(css=one + other) for one, other in itertools.combinations(lasting, 2))
    if facts.role is not None and facts.aria_role is not None:
        yield Candidate(role=facts.aria_role)


def _of_list(facts: _Facts, around: _Facts) -> Iterator[Candidate]:
    """Ways that may mean every entry of a list: nothing that only one of them has."""
    lasting = [css for css in map(lasting_class, facts.classes) if css is not None]
    yield from (Candidate(css=css) for css in lasting)
    if facts.aria_role in ("option", "radio", "menuitemradio"):
        yield Candidate(role=facts.aria_role)
    if facts.role is not None:
        yield Candidate(css=f'{facts.tag}[role="{facts.role}"]')
    if facts.tag == "label":
        yield Candidate(css="label:has(input[type=radio])")
    boxes = [css for css in map(lasting_class, around.classes) if css is not None]
    boxes += [f'[role="{around.role}"]'] if around.role in ("radiogroup", "listbox") else []
    named = [css for css in _attributes(around) if "[aria-label" not in css]  # words of one language
    yield from (Candidate(css=f"{box} > {facts.tag}") for box in [*named, *boxes])


def _attributes(facts: _Facts) -> Iterator[str]:
    if (id := facts.attributes.get("id", "")) and _is_plain(id) and re.fullmatch(r"[A-Za-z][\w-]*", id):
        yield f"#{id}"
    for name in _NAMES:
        value = facts.attributes.get(name, "")
        if value and is_lasting(value) and '"' not in value and "\\" not in value:
            yield f'{facts.tag}[{name}="{value}"]'


@dataclass(frozen=True)
class Look:
    """What may show that an entry of a list is chosen."""

    attributes: dict[str, str]
    classes: frozenset[str]
    checked: bool
    tag: str


async def look(option: Locator) -> Look:
    """How *option* looks now."""
    facts = _Facts.model_validate(await option.evaluate(_FACTS))
    checked = await option.evaluate("one => !!one.checked || !!one.querySelector('input:checked')")
    shown = {name: value for name, value in facts.attributes.items() if name in _CHOSEN}
    return Look(shown, frozenset(facts.classes), bool(checked), facts.tag)


def changes(before: Look, after: Look, css: str | None) -> Iterator[Candidate]:
    """
    Ways to find the chosen entry, by what changed when it was clicked.

    :param css: what finds all entries.
    """
    entry = css or after.tag
    if after.checked and not before.checked:
        yield Candidate(css=f"{entry}:has(input:checked)")
        yield Candidate(css=f"{entry}:checked")
    for name in _CHOSEN:
        value = after.attributes.get(name)
        if value and value != before.attributes.get(name):
            yield Candidate(css=f'{entry}[{name}="{value}"]')
    for name in sorted(after.classes - before.classes):
        module = re.fullmatch(r"([A-Za-z][\w-]*(?:--|__))([A-Za-z0-9_-]{3,10})", name)
        if module and _is_hash(module[2]):
            yield Candidate(css=f'{entry}[class*="{module[1]}"]')
        elif re.fullmatch(r"[A-Za-z][\w-]+", name) and not any(map(_is_hash, re.split(r"[-_]+", name))):
            yield Candidate(css=f"{entry}.{name}")
