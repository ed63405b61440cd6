"""`/privacy` shows what the bot keeps about whoever asks; `/forget` deletes it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from telethon import Button

from tgbot.core.access import Access
from tgbot.core.users import User, UserRegistry
from tgbot.handlers.commands import acknowledge, on_command, on_press, show_instead
from tgbot.handlers.join_requests import Requests
from tgbot.handlers.wording import clock_time, moment, shown, ways
from tgbot.locales.texts import Texts
from tgbot.messaging.sender import Sender

_YES, _NO = b"forget:yes", b"forget:no"
#: Changes of a profile shown, the latest ones.
_CHANGES = 10


def register(
    client: Any,
    *,
    users: UserRegistry,
    sender: Sender,
    texts: Texts,
    forget: Callable[[int], Awaitable[None]],
    clock: Callable[[], float] = time.time,
    **_: Any,
) -> None:
    """Registers both commands and the buttons of the second.

    `forget` deletes a user from everything the bot keeps, a standing block excepted, and returns when that is
    on disk.
    """
    record = RecordInWords(users, texts, client.session.access_hash, clock)

    async def privacy(event: Any, user: User | None, language: str | None) -> None:
        lines = [texts.render(language, "privacy-kept"), ""]
        lines += (
            record.of(language, user) if user is not None else [texts.render(language, "privacy-nothing")]
        )
        lines += ["", texts.render(language, "privacy-forget")]
        await sender.answer(event, "\n".join(lines), link_preview=False)

    async def ask(event: Any, user: User | None, language: str | None) -> None:
        rows = [
            [Button.inline(texts.render(language, "forget-yes"), _YES)],
            [Button.inline(texts.render(language, "forget-no"), _NO)],
        ]
        await sender.answer(event, texts.render(language, "forget-sure"), buttons=rows)

    async def decided(event: Any, user: User | None, language: str | None) -> None:
        peer = await event.get_input_chat()
        if event.data == _NO:
            await show_instead(event, peer, texts.render(language, "forget-kept"))
            await acknowledge(event)
            return
        user_id = event.sender_id
        await forget(user_id)
        try:
            await show_instead(event, peer, texts.render(language, "forget-done"))
            await acknowledge(event)
        finally:
            await forget(user_id)  # Telegram's answers to these two calls name the user again.

    on_command(client, users, "privacy", privacy)
    on_command(client, users, "forget", ask)
    on_press(client, users, rb"^forget:(yes|no)$", decided)


class RecordInWords:
    """All that is kept of a user, as the user reads it."""

    def __init__(
        self,
        users: UserRegistry,
        texts: Texts,
        access_hash: Callable[[int], int | None],
        clock: Callable[[], float],
    ) -> None:
        self._requests = Requests(users)
        self._texts = texts
        self._access_hash = access_hash
        self._clock = clock

    def of(self, language: str | None, user: User) -> list[str]:
        """A line for each thing kept."""
        say = partial(self._texts.render, language)
        now = self._clock()
        when = partial(moment, self._texts, language, now=now)
        name = shown(f"{user.first_name} {user.last_name}") or say("peer-nameless")
        lines = [say("privacy-name", name=name), say("peer-id", id=str(user.id))]
        if user.usernames:
            lines.append(say("peer-usernames", names=" ".join(f"@{shown(one)}" for one in user.usernames)))
        else:
            lines.append(say("peer-no-usernames"))
        if user.premium:
            lines.append(say("privacy-premium"))
        lines.append(
            say("privacy-language", spoken=shown(user.language))
            if user.language
            else say("peer-language-unknown")
        )
        if user.chosen_language:
            lines.append(say("privacy-language-chosen", spoken=shown(user.chosen_language)))
        if user.first_seen:
            lines.append(say("privacy-first-seen", when=when(at=user.first_seen)))
        if user.last_seen:
            lines.append(say("privacy-last-seen", when=when(at=user.last_seen)))
        if user.known_by:
            lines.append(say("privacy-known", ways=ways(self._texts, language, user)))
        if user.first_payload:
            lines.append(say("privacy-payload", first=user.first_payload, last=user.last_payload))
        verdict = user.verdict(now)
        allowed = verdict.access is Access.REACHABLE
        if verdict.since is not None:
            lines.append(say(f"privacy-write-{'yes' if allowed else 'no'}", when=when(at=verdict.since)))
        if (block := user.record.last_block) is not None:
            lines.append(say("privacy-block", when=when(at=block.at)))
        if asked := self._requests.of(user.id):
            lines.append(say("privacy-join-requests", n=len(asked)))
        if user.last_finished_id:
            lines.append(say("privacy-messages", last=str(user.last_finished_id)))
        if self._access_hash(user.id):
            lines.append(say("privacy-access-hash"))
        if user.history:
            lines.append(say("privacy-changes", n=len(user.history)))
            lines += [
                say(
                    "privacy-change",
                    date=clock_time(one.at),
                    what=say(f"field-{one.field.replace('_', '-')}"),
                    old=shown(one.old) or "–",
                )
                for one in user.history[-_CHANGES:]
            ]
        return lines
