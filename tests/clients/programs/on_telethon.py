"""A client on Telethon, which obeys orders."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from telethon import Button, TelegramClient, events, functions, types, utils
from telethon.crypto import rsa

from tests.clients.programs.lines import Say, Stage, kept, run


class Telethon:
    """A bot or a person."""

    def __init__(self, stage: Stage, say: Say) -> None:
        self._stage = stage
        self._say = say
        rsa.add_key(stage["public_key"], old=False)
        self._client = TelegramClient(
            kept(stage, "telethon"), stage["api_id"], stage["api_hash"], catch_up=True, retry_delay=0.1
        )
        self._client.session.set_dc(stage["dc_id"], stage["host"], stage["port"])
        self._client.add_event_handler(self._message, events.NewMessage(incoming=True))
        self._client.add_event_handler(self._edited, events.MessageEdited(incoming=True))
        self._client.add_event_handler(self._deleted, events.MessageDeleted())
        self._client.add_event_handler(self._press, events.CallbackQuery())
        self._client.add_event_handler(self._inline, events.InlineQuery())
        self._client.add_event_handler(self._vote, events.Raw([types.UpdateMessagePollVote]))
        reactions = [types.UpdateMessageReactions, types.UpdateBotMessageReaction]
        self._client.add_event_handler(self._reaction, events.Raw(reactions))

    async def login(self) -> dict[str, Any]:
        stage, client = self._stage, self._client
        await client.connect()
        # `start` would print.
        if not await client.is_user_authorized():
            if "token" in stage:
                await client.sign_in(bot_token=stage["token"])
            else:
                await client.send_code_request(stage["phone"])
                await client.sign_in(stage["phone"], stage["code"])
        me = await client.get_me()
        await client.catch_up()
        return {"id": me.id, "username": me.username}

    async def close(self) -> None:
        await self._client.disconnect()

    async def send(self, to: Any, text: str, buttons: Any = None) -> dict[str, Any]:
        rows = buttons and [[Button.inline(label, data.encode()) for label, data in row] for row in buttons]
        return {"id": (await self._client.send_message(to, text, parse_mode=None, buttons=rows)).id}

    async def start(self, to: str, payload: str) -> None:
        await self._client(functions.messages.StartBotRequest(to, to, payload))

    async def edit(self, chat: int, id: int, text: str) -> None:
        await self._client.edit_message(chat, id, text)

    async def delete(self, chat: int, id: int) -> None:
        await self._client.delete_messages(chat, id)

    async def press(self, chat: int, id: int, data: str) -> dict[str, Any]:
        (message,) = await self._client.get_messages(chat, ids=[id])
        return {"text": (await message.click(data=data.encode())).message}

    async def answer_press(self, query: str, text: str) -> None:
        await self._client(functions.messages.SetBotCallbackAnswerRequest(int(query), 0, message=text))

    async def upload(self, to: Any, path: str, photo: bool) -> dict[str, Any]:
        # With Pillow Telethon looks at a photo, and leaves the file open.
        file = await asyncio.to_thread(Path(path).read_bytes) if photo else path
        return {"id": (await self._client.send_file(to, file, force_document=not photo)).id}

    async def download(self, chat: int, id: int, path: str) -> None:
        (message,) = await self._client.get_messages(chat, ids=[id])
        await message.download_media(path)

    async def create_group(self, title: str, users: list[str]) -> dict[str, Any]:
        made = await self._client(functions.messages.CreateChatRequest(users, title))
        return {"chat": utils.get_peer_id(made.updates.chats[0])}

    async def poll(self, to: Any, question: str, options: list[str]) -> dict[str, Any]:
        answers = [types.InputPollAnswer(types.TextWithEntities(words, [])) for words in options]
        asked = types.TextWithEntities(question, [])
        poll = types.Poll(id=1, question=asked, answers=answers, public_voters=True, hash=0)
        sent = await self._client.send_message(to, file=types.InputMediaPoll(poll))
        return {"id": sent.id}

    async def vote(self, chat: int, id: int, option: int) -> None:
        (message,) = await self._client.get_messages(chat, ids=[id])
        chosen = message.media.poll.answers[option].option
        await self._client(functions.messages.SendVoteRequest(chat, id, [chosen]))

    async def react(self, chat: int, id: int, emoji: str) -> None:
        reaction = [types.ReactionEmoji(emoji)]
        await self._client(functions.messages.SendReactionRequest(chat, id, reaction=reaction))

    async def ask_inline(self, bot: str, text: str) -> dict[str, Any]:
        found = await self._client.inline_query(bot, text)
        return {"query": str(found.query_id), "results": [[one.result.id, one.title] for one in found]}

    async def send_inline(self, to: Any, query: str, result: str) -> None:
        request = functions.messages.SendInlineBotResultRequest(to, int(query), result)
        await self._client(request)

    async def answer_inline(self, query: str, title: str, text: str) -> None:
        message = types.InputBotInlineMessageText(text)
        result = types.InputBotInlineResult("one", "article", message, title=title)
        request = functions.messages.SetInlineBotResultsRequest(int(query), [result], cache_time=0)
        await self._client(request)

    async def _message(self, event: Any) -> None:
        markup = event.message.reply_markup
        rows = getattr(markup, "rows", [])
        labels = [[button.text for button in row.buttons] for row in rows]
        text, media = event.raw_text, event.message.media is not None
        self._say("message", chat=event.chat_id, id=event.id, text=text, media=media, labels=labels)

    async def _edited(self, event: Any) -> None:
        self._say("edited", chat=event.chat_id, id=event.id, text=event.raw_text)

    async def _deleted(self, event: Any) -> None:
        self._say("deleted", ids=event.deleted_ids)

    async def _press(self, event: Any) -> None:
        self._say("press", query=str(event.query.query_id), data=event.data.decode())

    async def _inline(self, event: Any) -> None:
        self._say("inline", query=str(event.query.query_id), text=event.text)

    async def _vote(self, update: Any) -> None:
        self._say("vote", options=len(update.options))

    async def _reaction(self, update: Any) -> None:
        given = getattr(update, "new_reactions", None) or [one.reaction for one in update.reactions.results]
        self._say("reaction", id=update.msg_id, emoji=[one.emoticon for one in given])


if __name__ == "__main__":
    run(Telethon)
