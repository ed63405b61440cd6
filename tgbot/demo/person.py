"""A user with a Telethon client who writes to the bot and reads its answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from io import BytesIO
from itertools import count
from typing import Any

from telethon import TelegramClient, events
from telethon.errors import InviteRequestSentError
from telethon.sessions import MemorySession
from telethon.tl import functions, types

from tgbot.demo.stage import LIMIT, Stage, StoryError
from tgbot.sandbox.server import Sandbox

API_ID, API_HASH = 1, "0" * 32
#: Where somebody is who shares their location: latitude and longitude.
PLACE = 52.52, 13.405
#: Buttons of which the bot hears; of one that opens a link it does not.
HEARD = (
    types.InlineButtonTypeCallback,
    types.ButtonTypeDefault,
    types.ButtonTypeRequestPhone,
    types.ButtonTypeRequestGeoLocation,
)


class Person:
    """A plain Telethon client with a name; its messages from the bot are printed.

    With `numbered` its buttons have numbers, by which they can be pressed.
    """

    def __init__(
        self, name: str, client: TelegramClient, bot: str, stage: Stage, *, numbered: bool = False
    ) -> None:
        self.name = name
        self.client = client
        self.id = 0
        self.phone = ""
        self._bot = bot
        self._stage = stage
        self._numbered = numbered
        self._inbox: asyncio.Queue[str] = asyncio.Queue()
        #: The latest message with buttons.
        self._menu: types.Message | None = None
        client.add_event_handler(self._hear, events.NewMessage(incoming=True))
        client.add_event_handler(self._hear, events.MessageEdited(incoming=True))

    async def sign_up(self, phone: str, code: str, username: str) -> None:
        """Sign up as an app does, with phone number, code and name; then set a username."""
        sent = await self.client(
            functions.auth.SendCodeRequest(phone, API_ID, API_HASH, types.CodeSettings())
        )
        await self.client(functions.auth.SignInRequest(phone, sent.phone_code_hash, code))
        made = await self.client(functions.auth.SignUpRequest(phone, sent.phone_code_hash, self.name, ""))
        self.id, self.phone = made.user.id, phone
        await self.client.is_user_authorized()  # Telethon processes updates only after it has checked this
        if username:
            await self.rename(username)

    async def rename(self, username: str) -> None:
        """Change the username."""
        await self.client(functions.account.UpdateUsernameRequest(username))

    async def start(self, payload: str) -> None:
        """Press Start in a dialog that a link with a payload has opened."""
        self._stage.message(self.name, "bot", f"/start {payload}")
        bot = await self._peer()
        await self.client(functions.messages.StartBotRequest(bot, bot, payload))

    async def say(self, words: str) -> None:
        """Send a text to the bot."""
        self._stage.message(self.name, "bot", words)
        await self.client.send_message(self._bot, words, parse_mode=None)

    async def send(self, name: str, content: bytes) -> None:
        """Send a file with this name to the bot; a picture as a photo."""
        file = BytesIO(content)
        file.name = name
        self._stage.message(self.name, "bot", f"({name})")
        await self.client.send_file(self._bot, file)

    async def press(self, label: str) -> str:
        """Press a button of the latest message with buttons; return the notification that the app shows.

        Raise LookupError, with the labels of all buttons that the bot hears of, if none has this label, and
        no number stands for one.
        """
        menu = self._menu
        rows = menu.buttons if menu is not None else []
        heard = [one for row in rows for one in row if isinstance(one.button.type, HEARD)]
        # "✓" marks the current choice.
        buttons = {one.text.removeprefix("✓ "): one for one in heard}
        if self._numbered and label not in buttons and label.isdecimal() and 0 < int(label) <= len(heard):
            label = heard[int(label) - 1].text.removeprefix("✓ ")
        if menu is None or label not in buttons:
            raise LookupError(", ".join(buttons) or "none")
        button = buttons[label]
        match button.button.type:
            case types.ButtonTypeDefault():
                await self.say(button.text)
                return ""
            case types.ButtonTypeRequestPhone():
                await self._share(types.InputMediaContact(self.phone, self.name, "", ""), "(contact)")
                return ""
            case types.ButtonTypeRequestGeoLocation():
                await self._share(types.InputMediaGeoPoint(types.InputGeoPoint(*PLACE)), "(location)")
                return ""
        request = functions.messages.GetBotCallbackAnswerRequest(
            await self._peer(), menu.id, data=button.data
        )
        notice = str((await self.client(request)).message or "")
        if notice:
            self._stage.message("bot", self.name, f"({notice})")
        return notice

    async def block(self) -> None:
        """Block the bot."""
        await self.client(functions.contacts.BlockRequest(await self._peer()))

    async def unblock(self) -> None:
        """Unblock the bot."""
        await self.client(functions.contacts.UnblockRequest(await self._peer()))

    async def open_group(self, title: str) -> str:
        """Create a group with join requests and the bot as admin; return the hash of its invite link."""
        made = await self.client(functions.channels.CreateChannelRequest(title, "", megagroup=True))
        group = await self.client.get_input_entity(made.chats[0])
        rights = types.ChatAdminRights(invite_users=True)
        await self.client(functions.channels.EditAdminRequest(group, await self._peer(), rights, ""))
        invite = await self.client(functions.messages.ExportChatInviteRequest(group, request_needed=True))
        return str(invite.link).rpartition("+")[2]

    async def request_to_join(self, invite: str) -> None:
        """Request to join a group through its invite link."""
        try:
            await self.client(functions.messages.ImportChatInviteRequest(invite))
        except InviteRequestSentError:
            return
        raise StoryError(f"{self.name} joined the group without a request")

    async def expect(self, words: str) -> str:
        """Wait for the bot's next message, check that it contains these words, and return it."""
        try:
            heard = await asyncio.wait_for(self._inbox.get(), LIMIT)
        except TimeoutError:
            raise StoryError(f"{self.name} got no answer within {LIMIT:.0f} s") from None
        if words not in heard:
            raise StoryError(f"the bot's answer to {self.name} does not contain: {words}")
        return heard

    async def _share(self, media: types.TypeInputMedia, shown: str) -> None:
        self._stage.message(self.name, "bot", shown)
        await self.client.send_file(self._bot, media)

    async def _peer(self) -> types.InputPeerUser:
        return await self.client.get_input_entity(self._bot)

    async def _hear(self, event: events.NewMessage.Event) -> None:
        if not event.is_private:
            return
        words = event.raw_text
        if event.message.media and not isinstance(event.message.media, types.MessageMediaWebPage):
            kind = type(event.message.media).__name__.removeprefix("MessageMedia").lower()
            words = f"({kind}) {words}".rstrip()
        if isinstance(event, events.MessageEdited.Event):
            words = f"(changed) {words}"
        else:
            self._inbox.put_nowait(event.raw_text)
        lines = [words]
        if event.message.buttons:
            self._menu = event.message
            numbers = count(1)
            lines += [" ".join(self._shown(one, numbers) for one in row) for row in event.message.buttons]
        self._stage.message("bot", self.name, "\n".join(lines))

    def _shown(self, one: Any, numbers: Iterator[int]) -> str:  # Any: Telethon's MessageButton
        if self._numbered and isinstance(one.button.type, HEARD):
            return f"[{next(numbers)} {one.text}]"
        return f"[{one.text}]"


@asynccontextmanager
async def sign_up_person(
    name: str,
    server: Sandbox,
    *,
    bot: str,
    stage: Stage,
    username: str,
    language: str = "en",
    numbered: bool = False,
) -> AsyncIterator[Person]:
    """Yield a new user of the server, whose app has this language; disconnect at the end."""
    session = MemorySession()
    session.set_dc(server.dc_id, server.host, server.port)
    # Of 256 keys that Telethon makes, one begins with a zero; it warns, and makes another one.
    quiet = logging.getLogger(__name__)
    quiet.setLevel(logging.ERROR)
    client = TelegramClient(
        session, API_ID, API_HASH, lang_code=language, system_lang_code=language, base_logger=quiet
    )
    await client.connect()
    try:
        person = Person(name, client, bot, stage, numbered=numbered)
        await person.sign_up(server.new_phone(), server.world.accounts.code, username)
        yield person
    finally:
        await client.disconnect()
