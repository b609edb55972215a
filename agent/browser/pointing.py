"""
Having the operator point at something on a page. The page never sees that click: what is pointed at may be Submit.

A shield lies over the page, so that even a disabled button can be pointed at, and every key and button of the mouse is kept from
the page until half a second after the last one: an impatient second click must not land on what lies below.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from playwright.async_api import ElementHandle, JSHandle
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page as Tab

from agent.browser.tabs import Tabs

_SHIELD = """what => new Promise(answer => {
  const AFTERWARDS = 500;
  window.__countermandPointing?.();
  const shield = document.createElement('div');
  for (const [name, value] of Object.entries({
    all: 'initial', position: 'fixed', inset: '0', width: '100%', height: '100%', margin: '0', border: '0', padding: '0',
    background: 'transparent', cursor: 'crosshair', display: 'block', 'z-index': '2147483647', 'pointer-events': 'auto',
  })) shield.style.setProperty(name, value, 'important');
  const inside = shield.attachShadow({mode: 'closed'});
  inside.innerHTML = `<style>
    * { pointer-events: none; box-sizing: border-box; }
    #outline { position: fixed; display: none; border: 3px solid #d6006c; background: #d6006c22; border-radius: 3px; }
    #banner { position: fixed; left: 50%; top: 12px; transform: translateX(-50%); max-width: 80%; padding: 10px 18px;
      font: 15px/1.4 sans-serif; color: #fff; background: #222e; border-radius: 8px; }
    b { display: block; }
  </style><div id="outline"></div><div id="banner"><b></b><span></span></div>`;
  const outline = inside.querySelector('#outline'), banner = inside.querySelector('#banner');
  inside.querySelector('b').textContent = `Point at ${what}`;
  inside.querySelector('span').textContent = 'A click here only points: the page does not see it. Esc: it is not there.';

  let picked = null, timer = null;
  const below = (x, y) => {
    let found = document.elementsFromPoint(x, y).find(element => element !== shield) ?? null;
    for (let next; found?.shadowRoot && (next = found.shadowRoot.elementFromPoint(x, y)) && next !== found;) found = next;
    return found;
  };
  const stop = element => {
    clearTimeout(timer);
    clearInterval(keeping);
    for (const name of KEPT) removeEventListener(name, keep, {capture: true});
    shield.remove();
    delete window.__countermandPointing;
    answer(element);
  };
  const settle = element => {
    picked = element;
    outline.style.display = banner.style.display = 'none';
    clearTimeout(timer);
    timer = setTimeout(() => stop(picked), AFTERWARDS);
  };
  const show = event => {
    const element = timer === null && below(event.clientX, event.clientY);
    if (!element) return;
    const box = element.getBoundingClientRect();
    Object.assign(outline.style, {display: 'block', left: `${box.left - 3}px`, top: `${box.top - 3}px`,
      width: `${box.width + 6}px`, height: `${box.height + 6}px`});
    Object.assign(banner.style, event.clientY < 110 ? {top: 'auto', bottom: '12px'} : {top: '12px', bottom: 'auto'});
  };
  const scroll = event => {
    for (let box = below(event.clientX, event.clientY); box; box = box.parentElement)
      if (box.scrollHeight > box.clientHeight && /auto|scroll/.test(getComputedStyle(box).overflowY))
        return box.scrollBy(event.deltaX, event.deltaY);
    scrollBy(event.deltaX, event.deltaY);
  };
  const KEPT = ['pointerdown', 'pointerup', 'pointermove', 'mousedown', 'mouseup', 'mousemove', 'click', 'dblclick', 'auxclick',
    'contextmenu', 'touchstart', 'touchend', 'keydown', 'keypress', 'keyup', 'wheel'];
  const keep = event => {
    if (!event.isTrusted) return;  // the page's own doing
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.type === 'mousemove') show(event);
    else if (event.type === 'wheel') scroll(event);
    else if (event.type === 'keydown' && event.key === 'Escape') settle(null);
    else if (event.type === 'click' && event.detail > 0) settle(picked ?? below(event.clientX, event.clientY));
    else if (timer !== null) settle(picked);
  };
  for (const name of KEPT) addEventListener(name, keep, {capture: true, passive: false});
  const put = () => {
    if (shield.isConnected) return;
    document.documentElement.append(shield);
    shield.popover = 'manual';  // above the page's own dialogs
    try { shield.showPopover(); } catch {}
  };
  const keeping = setInterval(put, 100);
  put();
  Object.defineProperty(window, '__countermandPointing', {value: () => stop(null), configurable: true});
})"""
"""Resolves with the element that was pointed at; with ``null`` after Esc."""

_STOP = "() => window.__countermandPointing?.()"


@dataclass(frozen=True)
class Pointed:
    """An element that the operator pointed at."""

    tab: Tab
    element: ElementHandle


async def point(tabs: Tabs, what: str, patience: timedelta) -> Pointed | None:
    """
    Ask the operator to point at *what*, in the tab at hand or in one that was just opened.

    :param what: as a phrase, e.g. "the button that sends the request".
    :returns: ``None`` if they pressed Esc, closed the tab, or did nothing within *patience*.
    """
    deadline = time.monotonic() + patience.total_seconds()
    asking: dict[Tab, asyncio.Task[JSHandle]] = {}
    try:
        await tabs.candidates[0].bring_to_front()
        while time.monotonic() < deadline:
            for tab in tabs.candidates:
                if tab not in asking and not tab.is_closed():
                    asking[tab] = asyncio.ensure_future(tab.evaluate_handle(_SHIELD, what))
            if not asking:
                return None
            await asyncio.wait(asking.values(), timeout=0.3, return_when=asyncio.FIRST_COMPLETED)
            for tab in [tab for tab, task in asking.items() if task.done()]:
                task = asking.pop(tab)
                if task.exception() is None:
                    element = task.result().as_element()
                    return None if element is None else Pointed(tab, element)
                await asyncio.sleep(0.1)  # on its way to another page: asked again there
        return None
    except PlaywrightError:
        return None  # the window was closed
    finally:
        await _stop(asking)


async def _stop(asking: dict[Tab, asyncio.Task[JSHandle]]) -> None:
    for tab, task in asking.items():
        task.cancel()
        with suppress(PlaywrightError):  # it is gone already
            await tab.evaluate(_STOP)
    await asyncio.gather(*asking.values(), return_exceptions=True)
