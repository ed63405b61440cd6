"""Somebody with an account and a client, who writes to the bot and reads what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from telethon import TelegramClient, events
from telethon.errors import InviteRequestSentError
from telethon.sessions import MemorySession
from telethon.tl import functions, types

from tgbot.demo.stage import LIMIT, Stage, StoryError
from tgbot.sandbox.server import Sandbox

API_ID, API_HASH = 1, "0" * 32


class Person:
    """A plain Telethon client with a name; all that it hears is shown."""

    def __init__(self, name: str, client: Any, bot: str, stage: Stage) -> None:
        self.name = name
        self.client = client
        self.id = 0
        self.phone = ""
        self._bot = bot
        self._stage = stage
        self._inbox: asyncio.Queue[str] = asyncio.Queue()
        #: The latest message with buttons.
        self._menu: Any = None
        client.add_event_handler(self._read, events.NewMessage(incoming=True))
        client.add_event_handler(self._reread, events.MessageEdited(incoming=True))

    async def sign_up(self, phone: str, code: str, username: str) -> None:
        """Make the account as an app does: phone number, code, name; then takes a username."""
        sent = await self.client(
            functions.auth.SendCodeRequest(phone, API_ID, API_HASH, types.CodeSettings())
        )
        await self.client(functions.auth.SignInRequest(phone, sent.phone_code_hash, code))
        made = await self.client(functions.auth.SignUpRequest(phone, sent.phone_code_hash, self.name, ""))
        self.id, self.phone = made.user.id, phone
        await self.client.is_user_authorized()  # Telethon takes updates only once it knows that it may
        await self.rename(username)

    async def rename(self, username: str) -> None:
        """Take another username."""
        await self.client(functions.account.UpdateUsernameRequest(username))

    async def start(self, payload: str) -> None:
        """Press Start in a chat that a link with a payload opened."""
        self._stage.says(self.name, "bot", f"/start {payload}")
        bot = await self._peer()
        await self.client(functions.messages.StartBotRequest(bot, bot, payload))

    async def say(self, words: str) -> None:
        """Write to the bot."""
        self._stage.says(self.name, "bot", words)
        await self.client.send_message(self._bot, words, parse_mode=None)

    async def press(self, label: str) -> str:
        """Press a button of the latest menu, and return the notice that the app shows then.

        Raises LookupError if there is no such button; its text says which there are.
        """
        rows = self._menu.buttons if self._menu is not None else []
        buttons = {_plain(one.text): one for row in rows for one in row}
        if label not in buttons:
            raise LookupError(", ".join(buttons) or "none so far")
        request = functions.messages.GetBotCallbackAnswerRequest(
            await self._peer(), self._menu.id, data=buttons[label].data
        )
        notice = str((await self.client(request)).message or "")
        if notice:
            self._stage.says("bot", self.name, f"({notice})")
        return notice

    async def block(self) -> None:
        """Stop the bot."""
        await self.client(functions.contacts.BlockRequest(await self._peer()))

    async def unblock(self) -> None:
        """Lift the block."""
        await self.client(functions.contacts.UnblockRequest(await self._peer()))

    async def opens_group(self, title: str) -> str:
        """Make a group that one asks to join, with the bot as admin; return the end of its link."""
        made = await self.client(functions.channels.CreateChannelRequest(title, "", megagroup=True))
        group = await self.client.get_input_entity(made.chats[0])
        rights = types.ChatAdminRights(invite_users=True)
        await self.client(functions.channels.EditAdminRequest(group, await self._peer(), rights, ""))
        invite = await self.client(functions.messages.ExportChatInviteRequest(group, request_needed=True))
        return str(invite.link).rpartition("+")[2]

    async def asks_to_join(self, invite: str) -> None:
        """Follow a group's link, and asks to be let in."""
        try:
            await self.client(functions.messages.ImportChatInviteRequest(invite))
        except InviteRequestSentError:
            return
        raise StoryError(f"{self.name} should have had to ask to join")

    async def hears(self, words: str) -> str:
        """Wait for the bot's next message and make sure that it has these words."""
        try:
            heard = await asyncio.wait_for(self._inbox.get(), LIMIT)
        except TimeoutError:
            raise StoryError(f"{self.name} got no answer within {LIMIT:.0f} s") from None
        if words not in heard:
            raise StoryError(f"the bot's answer to {self.name} should have in it: {words}")
        return heard

    async def _peer(self) -> Any:
        return await self.client.get_input_entity(self._bot)

    async def _read(self, event: Any) -> None:
        if not event.is_private:
            return
        self._show(event, "")
        self._inbox.put_nowait(event.raw_text)

    async def _reread(self, event: Any) -> None:
        self._show(event, "(changed) ")

    def _show(self, event: Any, before: str) -> None:
        lines = [before + event.raw_text]
        if event.message.buttons:
            self._menu = event.message
            lines += [" ".join(f"[{one.text}]" for one in row) for row in event.message.buttons]
        self._stage.says("bot", self.name, "\n".join(lines))


def _plain(label: str) -> str:
    """A button's label without the mark of the chosen one."""
    return label.removeprefix("✓ ")


@asynccontextmanager
async def arrives(
    name: str, server: Sandbox, *, bot: str, stage: Stage, language: str = "en"
) -> AsyncIterator[Person]:
    """Somebody new at the server, whose app is in a language, until the block is left."""
    session = MemorySession()
    session.set_dc(server.dc_id, server.host, server.port)
    client = TelegramClient(session, API_ID, API_HASH, lang_code=language, system_lang_code=language)
    await client.connect()
    try:
        person = Person(name, client, bot, stage)
        await person.sign_up(server.new_phone(), str(server.dc_id) * 5, f"{name.lower()}_demo")
        stage.tells(
            f"{name} has signed up as @{name.lower()}_demo, id {person.id}; the app is in {language}."
        )
        yield person
    finally:
        await client.disconnect()
