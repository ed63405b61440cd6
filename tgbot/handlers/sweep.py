"""`/sweep` asks Telegram for each user whether the bot may write to them, and shows admins how far it is."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import NamedTuple

from telethon import Button, events
from telethon.tl.custom import Button as Markup

from tgbot.core.access import Access
from tgbot.core.commands import Command
from tgbot.core.durations import seconds_of
from tgbot.core.errors import DurationError, NoSweepError, SweepOpenError
from tgbot.core.names import clean_name
from tgbot.core.sweeps import USUAL, Progress, State
from tgbot.core.users import User
from tgbot.handlers.commands import acknowledge, on_command, on_press, peer_of, show_instead
from tgbot.handlers.live import LiveMessages, Place, View
from tgbot.handlers.wording import Words, dashed
from tgbot.messaging.lengths import TEXT, shortened
from tgbot.plugins.parts import Parts


class Wish(NamedTuple):
    """What the words behind the command ask for."""

    access: tuple[Access, ...]
    older_than: int


def register(parts: Parts) -> None:
    """Register the command and its buttons; for anybody but `parts.admins` they do not exist.

    The message of a sweep that was open when the bot ended changes again.
    """
    sweep, answer = parts.sweep, parts.sender.answer
    live = LiveMessages(parts.client, "the sweep", ended=sweep.ended)

    async def swept(event: events.NewMessage.Event, command: Command, user: User | None, say: Words) -> None:
        try:
            asked = wish(command.args)
        except (DurationError, ValueError):
            await answer(event, say("sweep-usage", what=clean_name(command.args)))
            return
        with suppress(SweepOpenError):  # it is shown then
            await sweep.start(access=asked.access, older_than=asked.older_than)
        progress = sweep.status()
        assert progress is not None
        message = await answer(event, described(say, progress), buttons=buttons(say, progress))
        if message is not None:
            sweep.show_in(event.chat_id, message.id)
            follow()

    async def pressed(event: events.CallbackQuery.Event, choice: str, user: User | None, say: Words) -> None:
        if event.sender_id not in parts.admins:
            await acknowledge(event)
            return
        with suppress(NoSweepError):  # another admin, or a second press; the message shows what is so
            await {"pause": sweep.pause, "resume": sweep.resume, "cancel": sweep.cancel}[choice]()
        progress = sweep.status()
        if progress is None:
            await acknowledge(event)
            return
        await show_instead(event, peer_of(event), described(say, progress), buttons=buttons(say, progress))

    def follow() -> None:
        progress = sweep.status()
        if progress is not None and progress.shown is not None:
            place = Place(*progress.shown)
            live.follow(place, partial(look, place))

    def look(place: Place) -> View | None:
        progress = sweep.status()
        if progress is None or progress.shown != place:
            return None
        say = Words.to(parts.texts, parts.users.get(place.chat))
        return View(described(say, progress), buttons(say, progress), still=not progress.open)

    on_command(parts, ("sweep",), swept, only=parts.admins)
    on_press(parts, rb"sweep:(pause|resume|cancel)", pressed)
    if (progress := sweep.status()) is not None and progress.open:
        follow()


def wish(text: str) -> Wish:
    """Return what the words behind the command ask for; raise ValueError or DurationError.

    They are a time, and accesses with commas or spaces between, each of which may be left out.
    """
    access: list[Access] = []
    older_than = 0
    for word in text.replace(",", " ").split():
        if word[0].isdigit():
            older_than = seconds_of(word)
        else:
            access.append(Access(word.lower()))
    if Access.BOT in access:
        raise ValueError("bots are never probed")
    return Wish(tuple(access) or USUAL, older_than)


def described(say: Words, progress: Progress) -> str:
    """Return the text that shows a sweep."""
    lines = [
        say(dashed("sweep", progress.state)),
        "",
        say(
            "sweep-numbers",
            looked=progress.looked_at,
            total=progress.total,
            probed=progress.probed,
            skipped=progress.skipped,
        ),
    ]
    for before, after, number in progress.found():
        changed = {"before": say(dashed("reach", before)), "after": say(dashed("reach", after))}
        lines.append(say("sweep-change", n=number, **changed))
    if not progress.changes and not progress.open:
        lines.append(say("sweep-no-change"))
    lines += [say("sweep-error", error=clean_name(name), n=n) for name, n in progress.errors.items()]
    return shortened("\n".join(lines), TEXT)


def buttons(say: Words, progress: Progress) -> list[list[Markup]] | None:
    """Return the buttons below that text; None for a sweep that has ended."""
    if not progress.open:
        return None
    first = (
        Button.inline(say("sweep-pause"), b"sweep:pause")
        if progress.state is State.RUNNING
        else Button.inline(say("sweep-resume"), b"sweep:resume")
    )
    return [[first, Button.inline(say("sweep-cancel"), b"sweep:cancel")]]
