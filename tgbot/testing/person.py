"""A person who talks to the bot under test, with a plain Telethon client."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from telethon import TelegramClient
from telethon.crypto import rsa
from telethon.errors import BotResponseTimeoutError, InviteRequestSentError
from telethon.sessions import MemorySession
from telethon.tl import functions, types

from tgbot.sandbox.accounts import Account
from tgbot.testing import attachments
from tgbot.testing.bot import Bot
from tgbot.testing.failures import hidden
from tgbot.testing.group import Group
from tgbot.testing.hearing import Button, Ear, Expected, Message, asked, buttons_of, meets
from tgbot.testing.transcript import labels, shown

__tracebackhide__ = hidden  # pytest shows the line of the test, and not what is in here
#: How long a person waits for the bot, in seconds.
WITHIN = 10.0
#: Where people are who share their location.
HERE = (52.5163, 13.3777)


class NewPerson(Protocol):
    """The fixture `person`."""

    async def __call__(
        self,
        name: str,
        *,
        username: str | None = None,
        language: str | None = None,
        premium: bool = False,
        admin: bool = False,
    ) -> Person:
        """Return a new person; `language` is that of their app, and an `admin` is one of the bot's."""


class Person:
    """A user of the sandbox, over TCP. The test fails where the bot does not do what a person expects.

    `chat` is the group in which something happens; without one it is the private dialog with the bot.
    """

    def __init__(self, name: str, account: Account, client: Any, bot: Bot) -> None:
        self.name = name
        self.id = account.id
        self.username = account.usernames[0] if account.usernames else None
        #: A plain Telethon client (Any: Telethon has no types), for all that has no method here.
        self.client = client
        self._phone = account.phone or ""
        self._bot = bot
        self._peer = types.InputPeerUser(bot.id, bot.sandbox.world.accounts.access_hash(account.id, bot.id))
        self._ear = Ear(name, bot.id, bot.transcript, bot.bell.ring)
        self._ear.listen_to(client)

    # ---- what a person does ------------------------------------------------------------------------

    async def says(
        self,
        text: str,
        *,
        chat: Group | None = None,
        reply_to: Message | None = None,
        entities: Iterable[types.TypeMessageEntity] | None = None,
    ) -> Message:
        """Send a text, which has no formatting but these entities; return the message."""
        self._does(text, chat)
        return await self.client.send_message(
            self._at(chat), text, parse_mode=None, reply_to=reply_to, formatting_entities=_listed(entities)
        )

    async def starts(self, link: str = "") -> Message:
        """Press Start, in a dialog that a link or its payload has opened; return the message."""
        payload = parse_qs(urlsplit(link).query)["start"][0] if "?" in link else link
        if not payload:
            return await self.says("/start")  # as apps do
        self._does(f"/start {payload}", None)
        updates = await self.client(functions.messages.StartBotRequest(self._peer, self._peer, payload))
        return next(
            update.message for update in updates.updates if isinstance(update, types.UpdateNewMessage)
        )

    async def sends(
        self,
        *,
        photo: attachments.Picture | None = None,
        file: bytes | Path | None = None,
        file_name: str = "",
        album: Iterable[attachments.Picture] | None = None,
        contact: tuple[str, str] | bool = False,
        location: tuple[float, float] | bool = False,
        caption: str = "",
        chat: Group | None = None,
        reply_to: Message | None = None,
    ) -> Message:
        """Send one thing that is not a text; return the message, of an album the list of them.

        `photo=True` is a small picture, `contact=True` the person's own (else phone number and name),
        `location=True` a place in Berlin (else latitude and longitude).
        """
        media: Any  # Any: input media of Telethon's, or a list of them
        if photo is not None:
            what, media = "photo", await attachments.photo(self.client, photo)
        elif file is not None:
            what, media = "file", await attachments.document(self.client, file, file_name)
        elif album is not None:
            what, media = "album", [await attachments.photo(self.client, each) for each in album]
        elif contact:
            own = (self._phone, self.name) if isinstance(contact, bool) else contact
            what, media = "contact", attachments.contact(*own)
        elif location:
            what, media = (
                "location",
                attachments.location(*(HERE if isinstance(location, bool) else location)),
            )
        else:
            raise TypeError("sends what? photo=, file=, album=, contact= or location=")
        self._does(f"<{what}> {caption}".rstrip(), chat)
        return await self.client.send_file(
            self._at(chat), media, caption=caption, parse_mode=None, reply_to=reply_to
        )

    async def forwards(self, message: Message, *, chat: Group | None = None) -> Message:
        """Forward a message."""
        self._does(f"<forwarded> {shown(message)}", chat)
        return await self.client.forward_messages(self._at(chat), message.id, await self._where(message))

    async def edits(
        self, message: Message, text: str, *, entities: Iterable[types.TypeMessageEntity] | None = None
    ) -> Message:
        """Change the text of an own message, and its formatting."""
        self._bot.transcript.said(f"{self.name} changes", "bot", text)
        return await self.client.edit_message(
            await self._where(message),
            message.id,
            text,
            parse_mode=None,
            formatting_entities=_listed(entities),
        )

    async def presses(self, label: str, message: Message | None = None, *, within: float = WITHIN) -> str:
        """Press a button, of the newest message that has one with this label, or of a given one.

        Return the notice or alert that the bot's answer shows, "" for none; of a button that opens a link
        return the link. A button of a reply keyboard sends its label, or the contact or location it asks for.
        """
        self._bot.check()
        found: tuple[Message, Button] | None = None

        def there() -> bool:
            nonlocal found
            found = self._button(label, message)
            return found is not None or self._bot.crashed is not None

        await self._bot.bell.until(there, within)
        self._bot.check()
        if found is None:
            names = ", ".join(f"[{name}]" for row in self._all_labels(message) for name in row)
            raise self._bot.failure(f"{self.name} sees no button [{label}], only {names or 'none at all'}")
        its_message, button = found
        self._bot.transcript.noted(f"{self.name} presses [{button.text}]")
        match kind := button.type:
            case types.InlineButtonTypeCallback():
                return await self._press(its_message, kind.data)
            case types.ButtonTypeRequestPhone():
                await self.sends(contact=True)
            case types.ButtonTypeRequestGeoLocation():
                await self.sends(location=True)
            case types.ButtonTypeDefault():
                await self.client.send_message(await self._where(its_message), button.text, parse_mode=None)
            case _ if url := getattr(kind, "url", None):
                return str(url)
            case _:
                raise self._bot.failure(f"[{label}] is a {type(kind).__name__}, which cannot be pressed here")
        return ""

    async def blocks(self) -> None:
        """Block the bot."""
        self._bot.transcript.noted(f"{self.name} blocks the bot")
        await self.client(functions.contacts.BlockRequest(self._peer))

    async def unblocks(self) -> None:
        """Unblock the bot."""
        self._bot.transcript.noted(f"{self.name} unblocks the bot")
        await self.client(functions.contacts.UnblockRequest(self._peer))

    async def joins(self, group: Group) -> None:
        """Join a group by an invite link."""
        self._bot.transcript.noted(f"{self.name} joins {group.title}")
        await self.client(functions.messages.ImportChatInviteRequest(group.invite()))

    async def asks_to_join(self, group: Group) -> None:
        """Request to join a group."""
        self._bot.transcript.noted(f"{self.name} asks to join {group.title}")
        try:
            await self.client(functions.messages.ImportChatInviteRequest(group.invite(request_needed=True)))
        except InviteRequestSentError:
            return

    async def leaves(self, group: Group) -> None:
        """Leave a group."""
        self._bot.transcript.noted(f"{self.name} leaves {group.title}")
        await self.client(functions.channels.LeaveChannelRequest(group.peer(self.id)))

    # ---- what a person hears and sees --------------------------------------------------------------

    async def hears(
        self, expected: Expected = None, *, chat: Group | None = None, within: float = WITHIN
    ) -> Message:
        """Return the bot's next message, which must contain a text, or match a pattern; None: any message.

        Messages come in order, each once. Fail at once if the next one is another one.
        """
        bot, unheard = self._bot, self._ear.unheard[self._place(chat)]
        await bot.bell.until(lambda: unheard or bot.crashed is not None, within)
        if not unheard:
            bot.check()
            raise bot.failure(f"{self.name} did not hear {asked(expected)} within {within:g} s")
        message = unheard.popleft()
        if not meets(message, expected):
            raise bot.failure(f"{self.name} expected {asked(expected)}, and heard:\n{shown(message)}")
        return message

    async def hears_nothing(self, *, chat: Group | None = None) -> None:
        """Fail if the bot says anything more, until it has finished all that it was sent."""
        await self._bot.finished()
        if unheard := self._ear.unheard[self._place(chat)]:
            raise self._bot.failure(f"{self.name} expected to hear nothing, and heard:\n{shown(unheard[0])}")

    async def sees_edited(self, expected: Expected = None, *, within: float = WITHIN) -> Message:
        """Return the next message that the bot changed into one with this text; pass over others."""
        bot, edited = self._bot, self._ear.edited
        so = lambda: any(meets(one, expected) for one in edited) or bot.crashed is not None  # noqa: E731
        await bot.bell.until(so, within)
        while edited:
            if meets(message := edited.popleft(), expected):
                return message
        bot.check()
        raise bot.failure(
            f"{self.name} did not see a message changed into {asked(expected)} within {within:g} s"
        )

    async def sees_deleted(self, message: Message, *, within: float = WITHIN) -> None:
        """Return once the bot has deleted this message."""
        if not await self._bot.bell.until(lambda: self._ear.has_deleted(message), within):
            raise self._bot.failure(f"{self.name} still sees after {within:g} s:\n{shown(message)}")

    async def sees_buttons(self, *names: str, message: Message | None = None, within: float = WITHIN) -> None:
        """Fail unless a message has exactly these buttons, in this order: the newest one, or a given one."""
        so = lambda: [name for row in self.buttons(message) for name in row] == [*names]  # noqa: E731
        if not await self._bot.bell.until(so, within):
            raise self._bot.failure(
                f"{self.name} expected the buttons {[*names]}, and sees {self.buttons(message)}"
            )

    def buttons(self, message: Message | None = None) -> list[list[str]]:
        """Return the labels of the buttons, row by row, that the newest or a given message has now."""
        messages = self._ear.messages
        if message is not None:
            message = messages.get((message.chat_id, message.id))
        else:
            message = next(reversed(messages.values()), None)
        return labels(message.reply_markup) if message is not None else []

    # ---- for the bot's fixtures ----------------------------------------------------------------------

    def has_seen_all(self) -> bool:
        """Return whether everything that the bot has said to this person has arrived."""
        return not self.client.is_connected() or self._ear.has_all(self._bot.sandbox.world, self.id)

    async def call(self) -> None:
        """Make a call, with whose answer Telegram's time comes."""
        await self.client(functions.updates.GetStateRequest())

    def _at(self, chat: Group | None) -> types.TypeInputPeer:
        return self._peer if chat is None else chat.peer(self.id)

    async def _where(self, message: Message) -> types.TypeInputPeer:
        # By the peer: the client has not met the bot before the bot's first word, and the message may be one
        # that somebody else has heard, with their access hash of the group.
        if message.chat_id == self._bot.id:
            return self._peer
        if isinstance(message.peer_id, types.PeerChannel):
            number = message.peer_id.channel_id
            known = self._bot.sandbox.world.accounts.access_hash(self.id, number, kind=b"channel")
            return types.InputPeerChannel(number, known)
        return await message.get_input_chat()

    def _place(self, chat: Group | None) -> int:
        return self._bot.id if chat is None else chat.id

    def _does(self, what: str, chat: Group | None) -> None:
        self._bot.check()
        self._bot.transcript.said(self.name, "bot" if chat is None else chat.title, what)

    def _messages(self, message: Message | None) -> list[Message]:
        """Return messages as they are now, the newest first: all, or a given one."""
        messages = self._ear.messages
        if message is None:
            return [*reversed(messages.values())]
        return [messages.get((message.chat_id, message.id), message)]

    def _all_labels(self, message: Message | None) -> list[list[str]]:
        return [row for each in self._messages(message) for row in labels(each.reply_markup)]

    def _button(self, label: str, message: Message | None) -> tuple[Message, Button] | None:
        for each in self._messages(message):
            for button in buttons_of(each):
                if button.text == label:
                    return each, button
        return None

    async def _press(self, message: Message, data: bytes) -> str:
        request = functions.messages.GetBotCallbackAnswerRequest(
            await self._where(message), message.id, data=data
        )
        try:
            notice = str((await self.client(request)).message or "")
        except BotResponseTimeoutError:
            raise self._bot.failure("the bot did not answer the press") from None
        if notice:
            self._bot.transcript.said("bot", self.name, f"({notice})")
        return notice


def _listed(entities: Iterable[types.TypeMessageEntity] | None) -> list[types.TypeMessageEntity]:
    return [*(entities or ())]


@asynccontextmanager
async def signed_in(
    bot: Bot, name: str, *, username: str | None, language: str | None, premium: bool
) -> AsyncIterator[Person]:
    """Yield a new user of the sandbox who is signed in; disconnect at the end."""
    sandbox = bot.sandbox
    account = sandbox.world.new_user(name, username=username)
    account.premium = premium
    rsa.add_key(sandbox.public_key, old=False)
    session = MemorySession()
    session.set_dc(sandbox.dc_id, sandbox.host, sandbox.port)
    # Of 256 keys that Telethon makes, one begins with a zero; it warns, and makes another one.
    quiet = logging.getLogger(f"{__name__}.telethon")
    quiet.setLevel(logging.ERROR)
    app = {} if language is None else {"lang_code": language, "system_lang_code": language}
    client = TelegramClient(
        session,
        1,
        "0" * 32,
        base_logger=quiet,
        sequential_updates=True,
        request_retries=5,
        retry_delay=0,
        **app,
    )
    person = Person(name, account, client, bot)
    await client.connect()
    try:
        sent = await client(functions.auth.SendCodeRequest(account.phone, 1, "0" * 32, types.CodeSettings()))
        code = sandbox.world.accounts.code
        await client.sign_in(account.phone, code, phone_code_hash=sent.phone_code_hash)
        yield person
    finally:
        await client.disconnect()
