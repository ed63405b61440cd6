"""The page with all of its parts, for one sandbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

from ..botfather import botfather
from ..server import Sandbox
from .apps import Apps
from .bot import Program
from .causes import Names
from .files import Files
from .people import People
from .records import Origin
from .site import Site
from .stage import Stage
from .tabs import Part
from .wire import Wire


class Page:
    """A page for a running sandbox: `async with Page(sandbox) as page`, then open `page.address`.

    `program` is the bot that the page may kill and start, and `origin` returns what a saved test has to know
    of it. `names` tells what random_ids of a bot stand for.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ports: Sequence[int] = (0,),
        program: Program | None = None,
        origin: Callable[[], Origin] = Origin,
        names: Names | None = None,
    ) -> None:
        botfather(sandbox.world)  # so that people see him among the bots
        self._wire = Wire(sandbox, names)
        self._apps = Apps(sandbox.world, trace=self._wire.trace)
        people, files = People(sandbox.world), Files(self._apps)
        self._stage = Stage(sandbox, self._apps, program, people.changed, origin)
        parts: list[Part] = [self._apps, people, self._wire, *self._stage.parts]
        self._site = Site(parts, files.routes, host=host, port=port, ports=ports)

    @property
    def address(self) -> str:
        """The address to open, which holds a token."""
        return self._site.address

    async def __aenter__(self) -> Self:
        """Serve the page; raise PageError if that fails."""
        self._apps.open()
        self._wire.open()
        self._stage.open()
        try:
            await self._site.__aenter__()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._site.__aexit__(*exc)
        await self._close()

    def record_anew(self) -> None:
        """Begin the recording anew: what was done before is in no saved test."""
        self._stage.keep.begin()

    async def _close(self) -> None:
        await self._stage.close()
        self._wire.close()
        self._apps.close()
