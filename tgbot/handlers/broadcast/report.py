"""The report of a broadcast in the chat: its chart as a photo, and a table of all deliveries as a file."""

from __future__ import annotations

import logging
import tempfile
from contextvars import Context
from pathlib import Path

import msgspec

from tgbot.core.broadcasterrors import ChartFailedError, ChartMissingError
from tgbot.core.broadcasts import Broadcast
from tgbot.core.errors import system_reason
from tgbot.core.places import places
from tgbot.handlers.broadcast.view import title
from tgbot.handlers.photos import photo
from tgbot.handlers.wording import Words
from tgbot.messaging.broadcast.chart import draw, picture
from tgbot.messaging.broadcast.picture import Form
from tgbot.messaging.broadcast.report import Report, every_chunk, report_on
from tgbot.messaging.broadcast.rows import write_rows
from tgbot.plugins.parts import Parts
from tgbot.telegram.refusals import answer_of

log = logging.getLogger(__name__)


class Reports:
    """Send reports; one at a time of a broadcast into a chat."""

    def __init__(self, parts: Parts) -> None:
        self._client = parts.client
        self._sender = parts.sender
        self._deliveries = parts.broadcasts.deliveries
        #: The chats and broadcasts of those that are made now.
        self._making: set[tuple[int, int]] = set()

    def begin(self, chat: int, say: Words, broadcast: Broadcast) -> bool:
        """Begin to make a report and to send it; return whether it is not under way already."""
        key = chat, broadcast.id
        if key in self._making:
            return False
        self._making.add(key)
        # Beside the handlers: to draw takes seconds, and a large table as well.
        Context().run(self._client.spawn, self._make(chat, say, broadcast), "the report of a broadcast")
        return True

    async def _make(self, chat: int, say: Words, broadcast: Broadcast) -> None:
        try:
            report = await report_on(self._deliveries, broadcast)
            await self._send_chart(chat, say, broadcast, report)
            await self._send_table(chat, say, broadcast)
        except Exception as error:
            if answer_of(error) is None:
                raise
            log.info("the report of broadcast %d is not sent: %s", broadcast.id, places(error))
        finally:
            self._making.discard((chat, broadcast.id))

    async def _send_chart(self, chat: int, say: Words, broadcast: Broadcast, report: Report) -> None:
        shown = picture(report, say)
        try:
            drawn = await draw(shown, Form.PNG)
        except (ChartMissingError, ChartFailedError) as error:
            log.info("broadcast %d has no chart: %s", broadcast.id, error)
            await self._sender.send(chat, say("broadcast-no-chart", numbers=numbers(report)))
            return
        file = await photo(self._client, drawn, f"broadcast-{broadcast.id}.png")
        await self._sender.send(chat, f"{shown.title}\n{shown.summary}", file=file)

    async def _send_table(self, chat: int, say: Words, broadcast: Broadcast) -> None:
        caption = f"{title(say, broadcast)}\n{say('broadcast-table')}"
        try:
            with tempfile.TemporaryDirectory(prefix="tgbot-") as directory:
                path = Path(directory) / f"broadcast-{broadcast.id}.csv"
                with path.open("w", encoding="utf-8", newline="") as file:
                    await write_rows(file, broadcast, every_chunk(self._deliveries, broadcast.id))
                await self._sender.send(chat, caption, file=str(path), force_document=True)
        except OSError as error:
            if answer_of(error) is not None:
                raise
            await self._sender.send(chat, say("broadcast-no-table", reason=system_reason(error)))


def numbers(report: Report) -> str:
    """Return the numbers of a report as JSON for people to read: without its steps of time."""
    wanted = {name: value for name, value in msgspec.to_builtins(report).items() if name != "steps"}
    return msgspec.json.format(msgspec.json.encode(wanted), indent=1).decode()
