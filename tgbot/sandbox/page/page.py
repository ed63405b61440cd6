"""The page with all of its parts, for one sandbox."""

from __future__ import annotations

from typing import Self

from ..server import Sandbox
from .apps import Apps
from .causes import Names
from .files import Files
from .people import People
from .site import Site
from .tabs import Part
from .wire import Wire


class Page:
    """A page for a running sandbox: `async with Page(sandbox) as page`, then open `page.address`."""

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        names: Names | None = None,
    ) -> None:
        self._wire = Wire(sandbox, names)
        self._apps = Apps(sandbox.world, trace=self._wire.trace)
        files = Files(self._apps)
        parts: list[Part] = [self._apps, People(sandbox.world), self._wire]
        self._site = Site(parts, files.routes, host=host, port=port)

    @property
    def address(self) -> str:
        """The address to open, which holds a token."""
        return self._site.address

    async def __aenter__(self) -> Self:
        """Serve the page; raise PageError if that fails."""
        self._apps.open()
        self._wire.open()
        try:
            await self._site.__aenter__()
        except BaseException:
            self._wire.close()
            self._apps.close()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._site.__aexit__(*exc)
        self._wire.close()
        self._apps.close()
