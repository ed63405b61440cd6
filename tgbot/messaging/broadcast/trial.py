"""The test of a broadcast: it is sent to a few users, and never counts as a delivery."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tgbot.core.broadcasts import Broadcast
from tgbot.core.users import UserRegistry
from tgbot.messaging.broadcast.content import Bot, Contents
from tgbot.messaging.broadcast.refusals import refusal_of
from tgbot.messaging.broadcast.sending import Client, Turns


async def send_to(
    broadcast: Broadcast,
    user_ids: Iterable[int],
    *,
    client: Client,
    bot: Bot,
    users: UserRegistry,
    turns: Turns,
    clock: Callable[[], float],
    language: str | None = None,
) -> dict[int, str]:
    """Send a broadcast to these users, and return for each "sent" or the name of Telegram's error.

    It is another message each time that `broadcast.tests` has changed. `language` is the one that is sent to
    all of them; None is each one's own.
    """
    contents, results = Contents(broadcast, bot, test=True), {}
    for user_id in dict.fromkeys(user_ids):
        user = users.get(user_id)
        spoken = language if language is not None else user.spoken if user is not None else None
        send = contents.to(user_id, client.access_hash(user_id) or 0, spoken).send
        await turns.turn(broadcast.parts)
        try:
            await client.deliver(send)
            results[user_id] = "sent"
        except Exception as error:
            refusal = refusal_of(error, int(clock()))
            if refusal is None:
                raise
            results[user_id] = refusal.name
    return results
