"""`/privacy` shows users what the bot keeps about them; `/forget` deletes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from telethon import Button, events

from tgbot.core.access import Access
from tgbot.core.commands import Command
from tgbot.core.names import clean_name
from tgbot.core.users import User
from tgbot.handlers.commands import acknowledge, on_command, on_press, show_instead
from tgbot.handlers.wording import clock_time, dashed, moment, ways
from tgbot.locales.texts import Texts
from tgbot.plugins.parts import Clock, Parts

_YES, _NO = b"forget:yes", b"forget:no"
#: Changes of a profile shown, the latest ones.
_CHANGES = 10


def register(parts: Parts) -> None:
    """Register both commands and the buttons of the second."""
    texts, answer, forget = parts.texts, parts.sender.answer, parts.forget
    record = RecordInWords(texts, parts.client.session.access_hash, parts.clock)

    async def privacy(
        event: events.NewMessage.Event, command: Command, user: User | None, language: str | None
    ) -> None:
        lines = [texts.render(language, "privacy-kept"), ""]
        lines += (
            record.of(language, user) if user is not None else [texts.render(language, "privacy-nothing")]
        )
        lines += ["", texts.render(language, "privacy-forget")]
        await answer(event, "\n".join(lines), link_preview=False)

    async def ask(
        event: events.NewMessage.Event, command: Command, user: User | None, language: str | None
    ) -> None:
        rows = [
            [Button.inline(texts.render(language, "forget-yes"), _YES)],
            [Button.inline(texts.render(language, "forget-no"), _NO)],
        ]
        await answer(event, texts.render(language, "forget-sure"), buttons=rows)

    async def decided(
        event: events.CallbackQuery.Event, match: re.Match[bytes], user: User | None, language: str | None
    ) -> None:
        peer = await event.get_input_chat()
        if match[0] == _NO:
            await show_instead(event, peer, texts.render(language, "forget-kept"))
            await acknowledge(event)
            return
        user_id = event.sender_id
        await forget(user_id)
        try:
            await show_instead(event, peer, texts.render(language, "forget-done"))
            await acknowledge(event)
        finally:
            await forget(user_id)  # Telegram's answers to these two calls brought the user again.

    on_command(parts, ("privacy",), privacy)
    on_command(parts, ("forget",), ask)
    on_press(parts, rb"^forget:(yes|no)$", decided)


class RecordInWords:
    """All that is kept about a user, as the user reads it."""

    def __init__(
        self,
        texts: Texts,
        access_hash: Callable[[int], int | None],
        clock: Clock,
    ) -> None:
        self._texts = texts
        self._access_hash = access_hash
        self._clock = clock

    def of(self, language: str | None, user: User) -> list[str]:
        """Return one line for each thing kept."""
        say = partial(self._texts.render, language)
        now = self._clock()
        when = partial(moment, self._texts, language, now=now)
        name = clean_name(f"{user.first_name} {user.last_name}") or say("peer-nameless")
        lines = [say("privacy-name", name=name), say("peer-id", id=str(user.id))]
        if user.usernames:
            lines.append(
                say("peer-usernames", names=" ".join(f"@{clean_name(one)}" for one in user.usernames))
            )
        else:
            lines.append(say("peer-no-usernames"))
        if user.premium:
            lines.append(say("privacy-premium"))
        lines.append(
            say("privacy-language", spoken=clean_name(user.language))
            if user.language
            else say("peer-language-unknown")
        )
        if user.chosen_language:
            lines.append(say("privacy-language-chosen", spoken=clean_name(user.chosen_language)))
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
            lines.append(
                say("privacy-write-yes" if allowed else "privacy-write-no", when=when(at=verdict.since))
            )
        if (block := user.last_block) is not None:
            lines.append(say("privacy-block", when=when(at=block.at)))
        if user.join_requests:
            lines.append(say("privacy-join-requests", n=len(user.join_requests)))
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
                    what=say(dashed("field", one.field)),
                    old=clean_name(one.old) or "–",
                )
                for one in user.history[-_CHANGES:]
            ]
        return lines
