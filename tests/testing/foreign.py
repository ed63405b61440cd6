"""A bot on plain Telethon, which knows nothing of tgbot: what `SANDBOX_` variables are for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from telethon import Button, TelegramClient, events
from telethon.crypto import rsa
from telethon.sessions import SQLiteSession


def main() -> None:
    """Run until SIGTERM."""
    at = {name.removeprefix("SANDBOX_"): value for name, value in os.environ.items() if "SANDBOX_" in name}
    rsa.add_key(Path(at["KEY"]).read_text(), old=False)
    session = SQLiteSession(at["DIRECTORY"] + "/foreign")
    session.set_dc(int(at["DC"]), at["HOST"], int(at["PORT"]))
    client = TelegramClient(session, 1, "any")

    async def hear(event: Any) -> None:
        if event.raw_text == "buttons":
            await event.respond("choose", buttons=[Button.inline("yes"), Button.inline("no")])
        else:
            me = await client.get_me()
            await event.respond(f"{me.username} heard {event.raw_text}")

    async def press(event: Any) -> None:
        await event.answer(f"{event.data.decode()} it is")

    client.add_event_handler(hear, events.NewMessage(incoming=True))
    client.add_event_handler(press, events.CallbackQuery())
    client.start(bot_token=at["TOKEN"])
    print("it runs", flush=True)
    client.run_until_disconnected()


if __name__ == "__main__":
    main()
