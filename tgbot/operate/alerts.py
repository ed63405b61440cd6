"""Report to the bot's admins, in the chat and by a webhook, what was lost and what they have to put right."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple, Protocol

from telethon import errors

from tgbot.core.errors import StorageUnreachableError
from tgbot.core.names import clean_name
from tgbot.core.places import places
from tgbot.core.users import UserRegistry
from tgbot.locales.texts import Texts
from tgbot.telegram import error_name
from tgbot.telegram.refusals import Answer, answer_of, wait_of

logger = logging.getLogger(__name__)

#: Pauses after an alert that was put off without a time, in seconds; the last one repeats.
PAUSES: Final = (1, 5, 30, 300)
#: How long the same is not reported again, in seconds; the numbers add up meanwhile.
QUIET_SECONDS: Final = 600.0


class Topic(NamedTuple):
    """What is reported: the name of a text, and the chat that it is about, 0 for none."""

    text: str
    chat: int = 0


@dataclass(slots=True)
class Report:
    """How often it happened, and what its text is given besides."""

    count: int
    values: Mapping[str, str | int] = field(default_factory=dict)


class Sends(Protocol):
    """Send a text to a user by id, at Telegram's pace; raise Telegram's error."""

    async def send(self, user: int, text: str, /) -> object: ...


class Posts(Protocol):
    """Post an alert to a webhook; return when to try again, in seconds (0: not named), None for never."""

    async def post(self, alert: Mapping[str, object], /) -> int | None: ...


class Alerts:
    """Reports to the admins, and to a webhook if there is one; what is not reported yet is kept in memory.

    `admins` may change; a former admin is not told. `kinds` names the alerts that are wanted. A kind
    of loss is named as in `telegram`, such as "difference_too_long"; its text is `lost-` + the name with
    hyphens, and gets the number of lost updates as `n`. The same is reported to somebody once in `quiet`
    seconds, with the sum of what happened meanwhile.
    """

    def __init__(
        self,
        users: UserRegistry,
        texts: Texts,
        admins: Collection[int],
        *,
        kinds: Collection[str],
        webhook: Posts | None = None,
        quiet: float = QUIET_SECONDS,
    ) -> None:
        self._users = users
        self._texts = texts
        self._kinds = kinds
        self._webhook = webhook
        self._quiet = quiet
        self._admins = admins
        #: What each admin has not been told yet; `_new` is set when there is an admin for the first time.
        self._untold: dict[int, _Untold] = {}
        self._new = asyncio.Event()
        self._posts = _Untold()

    # ---- what happens ----------------------------------------------------------------------------

    def lost(self, what: str, count: int = 0) -> None:
        """Note a loss; returns at once. A loss of an unknown number counts as one."""
        kind = "poison" if what == "poison" else "losses"
        self._note(kind, Topic(f"lost-{what.replace('_', '-')}"), Report(max(count, 1)))

    def right_missing(self, chat: int, title: str) -> None:
        """Note that the bot may not add users in a chat; returns at once."""
        self._note("rights", Topic("right-missing", chat), Report(1, {"title": clean_name(title)}))

    def forget_failed(self, plugin: str) -> None:
        """Note that a plugin could not delete what it keeps of a user who asked for it; returns at once."""
        self._note("errors", Topic("forget-failed"), Report(1, {"plugin": plugin}))

    def took_over(self, node: str) -> None:
        """Note that this process leads the bot, because another node was silent; returns at once."""
        self._note("takeover", Topic("took-over"), Report(1, {"node": node}))

    def deaf(self, count: int) -> None:
        """Note that updates did not reach the bot, and do again; returns at once."""
        self._note("deafness", Topic("deafness-over"), Report(count))

    def begin(self, condition: str, count: int = 1, **values: str | int) -> None:
        """Note that a condition has begun, whose text is its name with `-begun`; returns at once."""
        self._note(condition, Topic(f"{condition}-begun"), Report(count, values), Topic(f"{condition}-over"))

    def end(self, condition: str, **values: str | int) -> None:
        """Note that a condition is over: `-over`. Its begin is not reported any more; returns at once."""
        self._note(condition, Topic(f"{condition}-over"), Report(1, values), Topic(f"{condition}-begun"))

    def _note(self, kind: str, topic: Topic, report: Report, instead_of: Topic | None = None) -> None:
        if kind not in self._kinds:
            return
        for admin in self._admins:
            if admin not in self._untold:
                self._untold[admin] = _Untold()
                self._new.set()
        told = [self._untold[admin] for admin in self._admins]
        for untold in (*told, self._posts) if self._webhook is not None else told:
            if instead_of is not None:
                untold.reports.pop(instead_of, None)
            untold.add(topic, report, sums=instead_of is None)

    # ---- who is told -----------------------------------------------------------------------------

    async def send(self, sender: Sends) -> None:
        """Send each report to each admin, in the admin's language, until cancelled.

        An admin who never wrote to the bot is skipped. One who cannot be reached, or for whom Telegram asks
        to wait, delays nobody else.
        """
        begun: set[int] = set()
        async with asyncio.TaskGroup() as group:
            while True:
                self._new.clear()
                for admin in self._untold.keys() - begun:
                    begun.add(admin)
                    tell = partial(self._send, sender, admin)
                    group.create_task(self._tell(self._untold[admin], tell))
                await self._new.wait()

    async def post(self) -> None:
        """Post each report to the webhook, until cancelled; return if there is none."""
        if self._webhook is not None:
            await self._tell(self._posts, partial(self._post, self._webhook))

    async def _tell(self, untold: _Untold, tell: Callable[[Topic, Report], Awaitable[int | None]]) -> None:
        """Give the reports to `tell` when they are due; it returns when to try again, None for never."""
        failures = 0
        while True:
            topic, report = await untold.next()
            later = await tell(topic, report)
            if later is None:
                failures = 0
                untold.told(topic, self._quiet)
                continue
            untold.add(topic, report, sums=True)
            await asyncio.sleep(later or PAUSES[min(failures, len(PAUSES) - 1)])
            failures += 1

    async def _send(self, sender: Sends, admin: int, topic: Topic, report: Report) -> int | None:
        """Send one report; if Telegram puts it off, return for how many seconds, 0 if it named no time."""
        try:
            user = self._users.get(admin)
        except StorageUnreachableError:
            return 0
        if user is None or admin not in self._admins:
            return None
        try:
            await sender.send(admin, self._text(user.spoken, topic, report))
        except Exception as error:
            if answer_of(error) is Answer.LATER:
                return wait_of(error)
            name = error_name(error) if isinstance(error, errors.RPCError) else places(error)
            logger.warning("could not tell admin %d of %s (%s)", admin, topic.text, name)
        return None

    async def _post(self, webhook: Posts, topic: Topic, report: Report) -> int | None:
        # The title of a chat is a text of somebody's: it goes to the admins alone.
        values = {name: value for name, value in report.values.items() if name != "title"}
        text = self._text("en", topic, Report(report.count, values))
        alert = {"alert": topic.text, "count": report.count, "chat": topic.chat or None, "text": text}
        return await webhook.post(alert | {"over": topic.text.endswith("-over")} | values)

    def _text(self, language: str | None, topic: Topic, report: Report) -> str:
        say, values = partial(self._texts.render, language), dict(report.values)
        title = values.pop("title", "")
        chat = say("join-chat", title=title) if title else say("join-a-chat")
        return say(topic.text, n=report.count, chat=chat, id=str(topic.chat), **values)


class _Untold:
    """What somebody has not been told yet, the oldest first, and when it may be told."""

    def __init__(self) -> None:
        self.reports: dict[Topic, Report] = {}
        #: Until when a topic is not told again, by the time of the event loop.
        self._quiet_until: dict[Topic, float] = {}
        self._changed = asyncio.Event()

    def add(self, topic: Topic, report: Report, *, sums: bool) -> None:
        """Keep a report; one of the same topic that waits is added to it, or is replaced."""
        waiting = self.reports.get(topic)
        if waiting is not None and sums:
            report = Report(report.count + waiting.count, report.values)
        self.reports[topic] = report
        self._changed.set()

    def told(self, topic: Topic, quiet: float) -> None:
        """Note that a topic was told just now, and is not to be told again for so many seconds."""
        now = asyncio.get_running_loop().time()
        self._quiet_until = {one: until for one, until in self._quiet_until.items() if until > now}
        self._quiet_until[topic] = now + quiet

    async def next(self) -> tuple[Topic, Report]:
        """Return the first report that may be told, once there is one, and forget it."""
        while True:
            self._changed.clear()
            now, first = asyncio.get_running_loop().time(), float("inf")
            for topic in self.reports:
                due = self._quiet_until.get(topic, now)
                if due <= now:
                    return topic, self.reports.pop(topic)
                first = min(first, due)
            try:
                async with asyncio.timeout_at(None if first == float("inf") else first):
                    await self._changed.wait()
            except TimeoutError:
                pass
