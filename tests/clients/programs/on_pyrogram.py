"""A client on Pyrogram, or on one of those that took its name: kurigram and Pyrofork. It obeys orders."""

from __future__ import annotations

import asyncio
import inspect
import warnings
from base64 import b64decode
from hashlib import sha1
from typing import Any

warnings.simplefilter("ignore")

from pyrogram import Client, raw, types  # noqa: E402 - the libraries warn about themselves at import
from pyrogram.connection import connection  # noqa: E402
from pyrogram.crypto import rsa  # noqa: E402
from pyrogram.handlers import (  # noqa: E402
    CallbackQueryHandler,
    DeletedMessagesHandler,
    EditedMessageHandler,
    InlineQueryHandler,
    MessageHandler,
    RawUpdateHandler,
)

from tests.clients.programs.lines import Say, Stage, run  # noqa: E402


def trust(pem: str) -> None:
    """Add the sandbox's key to those that the library knows."""
    der = b64decode("".join(pem.splitlines()[1:-1]))
    modulus = der[-261:-5]  # of a key of 2048 bits, before the exponent 65537
    digest = sha1(b"\xfe\x00\x01\x00" + modulus + b"\x03\x01\x00\x01").digest()
    fingerprint = int.from_bytes(digest[-8:], "little", signed=True)
    rsa.server_public_keys[fingerprint] = rsa.PublicKey(int.from_bytes(modulus, "big"), 65537)


def connect_to(host: str, port: int) -> dict[str, Any]:
    """Have the library connect to this address only; return what a client needs for that."""
    if hasattr(connection, "DataCenter"):
        connection.DataCenter = lambda *_, **__: (host, port)
        return {}

    class ToSandbox(connection.Connection):  # type: ignore[misc]  # these classes are untyped here
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings | {"server_address": host, "port": port})

    return {"connection_factory": ToSandbox}


class Pyrogram:
    """A bot or a person."""

    def __init__(self, stage: Stage, say: Say) -> None:
        self._say = say
        trust(stage["public_key"])
        options = connect_to(stage["host"], stage["port"])
        if "token" in stage:
            options["bot_token"] = stage["token"]
        else:
            options |= {"phone_number": stage["phone"], "phone_code": stage["code"]}
        if "skip_updates" in inspect.signature(Client.__init__).parameters:
            options["skip_updates"] = False
        client = self._client = Client(
            "pyrogram",
            api_id=stage["api_id"],
            api_hash=stage["api_hash"],
            workdir=stage["directory"],
            workers=1,  # in order
            **options,
        )
        client.add_handler(MessageHandler(self._message))
        client.add_handler(EditedMessageHandler(self._edited))
        client.add_handler(DeletedMessagesHandler(self._deleted))
        client.add_handler(CallbackQueryHandler(self._press))
        client.add_handler(InlineQueryHandler(self._inline))
        client.add_handler(RawUpdateHandler(self._raw), group=1)

    async def login(self) -> dict[str, Any]:
        client = self._client
        # As `start`, which takes a new session to data centre 2, and an account there.
        await client.start()
        return {"id": client.me.id, "username": client.me.username}

    async def close(self) -> None:
        if self._client.is_initialized:
            await self._client.stop()

    async def send(self, to: Any, text: str, buttons: Any = None) -> dict[str, Any]:
        markup = buttons and types.InlineKeyboardMarkup(
            [
                [types.InlineKeyboardButton(label, callback_data=data) for label, data in row]
                for row in buttons
            ]
        )
        return {"id": (await self._client.send_message(to, text, reply_markup=markup)).id}

    async def start(self, to: str, payload: str) -> None:
        peer = await self._client.resolve_peer(to)
        user = raw.types.InputUser(user_id=peer.user_id, access_hash=peer.access_hash)
        request = raw.functions.messages.StartBot(
            bot=user, peer=peer, random_id=self._client.rnd_id(), start_param=payload
        )
        await self._client.invoke(request)

    async def edit(self, chat: int, id: int, text: str) -> None:
        await self._client.edit_message_text(chat, id, text)

    async def delete(self, chat: int, id: int) -> None:
        await self._client.delete_messages(chat, id)

    async def press(self, chat: int, id: int, data: str) -> dict[str, Any]:
        return {"text": (await self._client.request_callback_answer(chat, id, data)).message}

    async def answer_press(self, query: str, text: str) -> None:
        await self._client.answer_callback_query(query, text)

    async def upload(self, to: Any, path: str, photo: bool) -> dict[str, Any]:
        send = self._client.send_photo if photo else self._client.send_document
        return {"id": (await send(to, path)).id}

    async def download(self, chat: int, id: int, path: str) -> None:
        message = await self._client.get_messages(chat, id)
        await self._client.download_media(message, path)

    async def create_group(self, title: str, users: list[str]) -> dict[str, Any]:
        return {"chat": (await self._client.create_group(title, users)).id}

    async def poll(self, to: Any, question: str, options: list[str]) -> dict[str, Any]:
        each: Any = getattr(types, "InputPollOption", None) or getattr(types, "PollOption", str)
        if "InputPollOption" not in str(inspect.signature(self._client.send_poll)):
            each = types.PollOption if "PollOption" in str(inspect.signature(self._client.send_poll)) else str
        answers = [one if each is str else each(text=one) for one in options]
        sent = await self._client.send_poll(to, question, answers, is_anonymous=False)
        return {"id": sent.id}

    async def vote(self, chat: int, id: int, option: int) -> None:
        await self._client.vote_poll(chat, id, option)

    async def react(self, chat: int, id: int, emoji: str) -> None:
        await self._client.send_reaction(chat, id, emoji=emoji)

    async def ask_inline(self, bot: str, text: str) -> dict[str, Any]:
        found = await self._client.get_inline_bot_results(bot, text)
        return {"query": str(found.query_id), "results": [[one.id, one.title] for one in found.results]}

    async def send_inline(self, to: Any, query: str, result: str) -> None:
        await self._client.send_inline_bot_result(to, int(query), result)

    async def answer_inline(self, query: str, title: str, text: str) -> None:
        content = types.InputTextMessageContent(text)
        result = types.InlineQueryResultArticle(title, content, id="one")
        await self._client.answer_inline_query(query, [result], cache_time=0)

    async def _message(self, client: Any, message: Any) -> None:
        if message.outgoing:
            return
        rows = getattr(message.reply_markup, "inline_keyboard", None) or []
        labels = [[button.text for button in row] for row in rows]
        fields = {"chat": message.chat.id, "id": message.id, "text": message.text or ""}
        self._say("message", **fields, media=message.media is not None, labels=labels)

    async def _edited(self, client: Any, message: Any) -> None:
        self._say("edited", chat=message.chat.id, id=message.id, text=message.text)

    async def _deleted(self, client: Any, messages: Any) -> None:
        self._say("deleted", ids=[message.id for message in messages])

    async def _press(self, client: Any, query: Any) -> None:
        self._say("press", query=query.id, data=query.data)

    async def _inline(self, client: Any, query: Any) -> None:
        self._say("inline", query=query.id, text=query.query)

    async def _raw(self, client: Any, update: Any, users: Any, chats: Any) -> None:
        match type(update).__name__:
            case "UpdateMessagePollVote":
                self._say("vote", options=len(update.options))
            case "UpdateMessageReactions":
                given = [one.reaction for one in update.reactions.results]
                self._say("reaction", id=update.msg_id, emoji=[one.emoticon for one in given])
            case "UpdateBotMessageReaction":
                given = update.new_reactions
                self._say("reaction", id=update.msg_id, emoji=[one.emoticon for one in given])


if __name__ == "__main__":
    asyncio.set_event_loop(asyncio.new_event_loop())
    run(Pyrogram)
