"""
Writing a page as static HTML: no script, no style sheet, nothing that is fetched from anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from agent.browser.recording.capture import Document, Element

MARK = "data-acted-on"
"""The attribute of the element that was acted on."""

_VOID = frozenset({"area", "br", "col", "hr", "img", "input", "wbr"})


def markup_of(document: Document) -> str:
    """The page as one HTML file."""
    lang = f' lang="{escape(document.lang)}"' if document.lang else ""
    title = escape(document.title)
    body = "".join(_element(document.body))
    return (
        f'<!doctype html>\n<html{lang}>\n<head><meta charset="utf-8"><title>{title}</title></head>\n{body}\n</html>\n'
    )


def _element(element: Element) -> Iterator[str]:
    yield f"<{element.tag}"
    for name, value in element.attributes.items():
        yield f' {name}="{escape(value)}"'
    if element.style:
        yield f' style="{escape(element.style)}"'
    if element.is_marked:
        yield f" {MARK}"
    if element.frame is not None:
        yield f' srcdoc="{escape(markup_of(element.frame))}"'
    yield ">"
    if element.tag in _VOID:
        return
    if element.shadow is not None:
        yield '<template shadowrootmode="open">'
        yield from _children(element.shadow)
        yield "</template>"
    yield from _children(element.children)
    yield f"</{element.tag}>"


def _children(children: list[Element | str]) -> Iterator[str]:
    for child in children:
        if isinstance(child, str):
            yield escape(child, quote=False)
        else:
            yield from _element(child)
