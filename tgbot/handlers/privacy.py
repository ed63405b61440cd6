"""`/privacy` shows users what the bot keeps about them; `/forget` deletes it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from telethon import Button, events

from tgbot.core.access import Access
from tgbot.core.broadcasts import declines
from tgbot.core.commands import Command
from tgbot.core.names import clean_name, full_name
from tgbot.core.users import User
from tgbot.handlers.commands import on_command, on_press, peer_of, show_instead
from tgbot.handlers.wording import Words, clock_time, dashed
from tgbot.plugins.parts import Parts
from tgbot.store.json_text import dumps
from tgbot.store.kept import answers_in
from tgbot.store.planned import Ahead

#: How many characters are shown of what a plugin keeps.
SHOWN_DATA: Final = 300


def register(parts: Parts) -> None:
    """Register both commands and the buttons of the second."""
    answer, forget = parts.sender.answer, parts.forget

    async def show(event: events.NewMessage.Event, command: Command, user: User | None, say: Words) -> None:
        lines = [say("privacy-kept"), ""]
        parked, planned = parts.parked(event.sender_id), Ahead.of(await parts.planned(event.sender_id))
        if user is None and not parked and planned is None:
            lines.append(say("privacy-nothing"))
        if user is not None:
            hash_kept = bool(parts.client.session.access_hash(user.id))
            lines += record(say, user, now=parts.clock(), hash_kept=hash_kept)
        if parked:
            lines.append(say("privacy-parked", n=parked))
        if planned is not None:
            names = ", ".join(map(clean_name, planned.names))
            lines.append(say("privacy-planned", n=planned.count, names=names, date=clock_time(planned.next)))
        lines += ["", say("privacy-forget")]
        await answer(event, "\n".join(lines), link_preview=False)

    async def ask(event: events.NewMessage.Event, command: Command, user: User | None, say: Words) -> None:
        rows = [
            [Button.inline(say("forget-yes"), b"forget:yes")],
            [Button.inline(say("forget-no"), b"forget:no")],
        ]
        await answer(event, say("forget-sure"), buttons=rows)

    async def decided(event: events.CallbackQuery.Event, choice: str, user: User | None, say: Words) -> None:
        peer, user_id = peer_of(event), event.sender_id
        if choice != "yes":
            await show_instead(event, peer, say("forget-kept"))
            return
        await forget(user_id)
        try:
            await show_instead(event, peer, say("forget-done"))
        finally:
            await forget(user_id, again=True)  # Telegram's answers to these two calls brought the user again.

    on_command(parts, ("privacy",), show)
    on_command(parts, ("forget",), ask)
    on_press(parts, rb"forget:(yes|no)", decided)


def record(say: Words, user: User, *, now: float, hash_kept: bool) -> Iterator[str]:
    """Yield one line for each thing kept about a user; with `hash_kept` also their access hash."""
    when = partial(say.moment, now=now)
    yield say("privacy-name", name=full_name(user.first_name, user.last_name) or say("peer-nameless"))
    yield say("peer-id", id=str(user.id))
    yield say.usernames(user.usernames)
    if user.premium:
        yield say("privacy-premium")
    if user.language:
        yield say("privacy-language", spoken=clean_name(user.language))
    else:
        yield say("peer-language-unknown")
    if user.chosen_language:
        yield say("privacy-language-chosen", spoken=clean_name(user.chosen_language))
    if declines(user):
        yield say("privacy-no-news")
    if user.first_seen:
        yield say("privacy-first-seen", when=when(user.first_seen))
    if user.last_seen:
        yield say("privacy-last-seen", when=when(user.last_seen))
    if user.known_by:
        yield say("privacy-known", ways=say.ways(user))
    if user.first_payload:
        yield say("privacy-payload", first=user.first_payload, last=user.last_payload)
    verdict = user.verdict(now)
    if verdict.since is not None:
        allowed = verdict.access is Access.REACHABLE
        yield say("privacy-write-yes" if allowed else "privacy-write-no", when=when(verdict.since))
    if user.last_block is not None:
        yield say("privacy-block", when=when(user.last_block.at))
    if user.join_requests:
        yield say("privacy-join-requests", n=len(user.join_requests))
    if user.last_finished_id:
        yield say("privacy-messages", last=str(user.last_finished_id))
    if hash_kept:
        yield say("privacy-access-hash")
    if user.history:
        yield say("privacy-changes", n=len(user.history))
    for at, name, old in user.history[-10:]:  # the latest ones
        changed = say(dashed("field", name))
        yield say("privacy-change", date=clock_time(at), what=changed, old=clean_name(old) or "–")
    for plugin, data in user.data.items():
        yield say("privacy-data", plugin=clean_name(plugin), data=clean_name(dumps(data), SHOWN_DATA))
    for talk in user.talks.values():
        about = {"talk": clean_name(talk.name), "when": when(talk.at)}
        if talk.over:
            yield say("privacy-talk-over", **about)
        else:
            yield say("privacy-talk", n=answers_in(talk), **about)
