"""Telethon, imported without aiohttp, which it needs for documents from the web only.

To import aiohttp takes a sixth of a start, most of it to read certificates. Telethon gets a stand-in, which
imports it at the first use. If aiohttp or Telethon is imported already, nothing is done.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Final

_NAME: Final = "aiohttp"


class _StandIn(ModuleType):
    """Has what is in aiohttp."""

    def __getattr__(self, name: str) -> object:
        if sys.modules.get(_NAME) is self:
            del sys.modules[_NAME]
        return getattr(import_module(_NAME), name)


if _NAME not in sys.modules and "telethon" not in sys.modules:
    sys.modules[_NAME] = _StandIn(_NAME)
    try:
        import telethon  # noqa: F401 - for the others
    finally:
        if isinstance(sys.modules.get(_NAME), _StandIn):
            del sys.modules[_NAME]
