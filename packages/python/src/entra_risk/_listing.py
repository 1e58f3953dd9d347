"""Iterates over a list while it is read, page by page."""

from __future__ import annotations

import queue
from collections.abc import AsyncIterator, Iterator

from ._async_call import Items
from ._component import refuse_fork
from ._entry import Entry
from ._reading import Page, Reading
from ._tenants import Tenants

_TICK = 0.25
"""Seconds between two checks for what a wait would miss. On Windows, a wait without a time limit
does not notice Ctrl-C."""


def entries(tenants: Tenants, reading: Reading, pages: queue.SimpleQueue[Page]) -> Iterator[Entry]:
    """Reads the list. A page is requested when its first entry is wanted."""
    tenants.begin(reading)
    try:
        while True:
            reading.want()
            page = _take(pages)
            if page is None:
                break
            yield from page
    finally:
        reading.stop()
    if reading.raised is not None:
        raise reading.raised


async def async_entries(tenants: Tenants, reading: Reading, pages: Items) -> AsyncIterator[Entry]:
    """Reads the list. A page is requested when its first entry is wanted."""
    tenants.begin(reading)
    try:
        while True:
            reading.want()
            page = await pages.take(reading)
            if page is None:
                break
            for entry in page:
                yield entry
    finally:
        reading.stop()
    if reading.raised is not None:
        raise reading.raised


def _take(pages: queue.SimpleQueue[Page]) -> Page:
    while True:
        try:
            return pages.get(timeout=_TICK)
        except queue.Empty:
            refuse_fork()
