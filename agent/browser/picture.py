"""
A picture of a page, with everything private on it grey.

What is private is greyed by a style of the page itself for as long as the picture takes, and not by boxes that are drawn over it: so it
stays grey wherever it is scrolled to meanwhile, and private parts that are drawn a moment later are grey from the start. That is why a
walk may look for the next button and scroll to it while the picture is taken.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from contextlib import suppress

from playwright.async_api import CDPSession
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page as Tab

_PATIENCE = 5.0
"""Seconds: a page that hangs draws nothing."""
_JPEG = {"format": "jpeg", "quality": 70}

_GREY = """([name, selectors]) => {
  for (const one of selectors) document.querySelector(one);  // whatever is no CSS ends here, and there is no picture
  // An ID that no page has outweighs the page's own rules; a filter greys images and what a page colours by force.
  const priv = `:is(${selectors.join(', ')}, #${name}#${name}#${name})`;
  const still = 'transition: none !important; animation: none !important;';
  const own = `${priv} { background: #999 !important; color: transparent !important; -webkit-text-fill-color: transparent !important;
    text-shadow: none !important; fill: transparent !important; stroke: transparent !important;
    filter: contrast(0) brightness(1.2) !important; opacity: 1 !important; ${still} }`;
  const within = `opacity: 0 !important; ${still}`;
  const sheet = rules => { const made = new CSSStyleSheet(); made.replaceSync(rules); made[name] = true; return made; };
  const outside = sheet(`${own} ${priv} * { ${within} }`), inside = sheet(`* { ${within} }`);
  const grey = (root, isPrivate) => {
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, isPrivate ? inside : outside];
    for (const one of root.querySelectorAll('*'))
      if (one.shadowRoot) grey(one.shadowRoot, isPrivate || selectors.some(selector => one.closest(selector)));
  };
  grey(document, false);
}"""
_CLEAR = """name => {
  const clear = root => {
    root.adoptedStyleSheets = root.adoptedStyleSheets.filter(sheet => !sheet[name]);
    for (const one of root.querySelectorAll('*')) if (one.shadowRoot) clear(one.shadowRoot);
  };
  clear(document);
}"""
_NAME = "countermand-private"


async def picture_of(tab: Tab, session: CDPSession, private: Sequence[str]) -> bytes:
    """
    What *tab* shows, as JPEG.

    :param session: with *tab*.
    :param private: CSS of what must not be seen.
    :raises PlaywrightError: the page would not be pictured, or one of *private* is no CSS that the browser knows.
    :raises TimeoutError: it hangs.
    """
    try:
        async with asyncio.timeout(_PATIENCE):
            if private:
                await tab.evaluate(_GREY, [_NAME, list(private)])
            shot = await session.send("Page.captureScreenshot", _JPEG)
    finally:
        with suppress(PlaywrightError, TimeoutError):  # it has gone to another page, or hangs
            async with asyncio.timeout(_PATIENCE):
                await tab.evaluate(_CLEAR, _NAME)
    return base64.b64decode(shot["data"])
