"""A client on TDLib, by its JSON interface. It obeys orders.

TDLib trusts only the keys that are compiled into it, so it is a private copy that knows the sandbox's key, in
the directory of the stage. The sandbox is its MTProto proxy, so it connects to nothing else.
"""

from __future__ import annotations

import asyncio
import ctypes
import itertools
import json
import shutil
import threading
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

from tests.clients.privatecopy import private_copy
from tests.clients.programs.lines import Say, Stage, kept, run

#: TDLib's message ids are those of the server with so many bits behind them.
SHIFT = 20
#: What of its log is kept: errors and warnings.
VERBOSITY = 2
#: Seconds that one look for news takes.
_LOOK = 1.0


class TdError(Exception):
    """TDLib's own error."""


class Tdlib:
    """A bot or a person."""

    def __init__(self, stage: Stage, say: Say) -> None:
        self._stage = stage
        self._say = say
        library = kept(stage, "libtdjson.so")
        if not Path(library).exists():
            private_copy(Path(stage["library"]), stage["public_key"], Path(library))
        self._library = ctypes.CDLL(library)
        self._library.td_receive.restype = ctypes.c_char_p
        self._library.td_receive.argtypes = (ctypes.c_double,)
        self._library.td_send.argtypes = (ctypes.c_int, ctypes.c_char_p)
        self._library.td_execute.restype = ctypes.c_char_p
        self._library.td_execute.argtypes = (ctypes.c_char_p,)
        log = {"@type": "logStreamFile", "path": kept(stage, "tdlib.log"), "max_file_size": 1 << 24}
        for request in (
            {"@type": "setLogStream", "log_stream": log},
            {"@type": "setLogVerbosityLevel", "new_verbosity_level": VERBOSITY},
        ):
            self._library.td_execute(json.dumps(request).encode())
        self._client = self._library.td_create_client_id()
        self._numbers = itertools.count()
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        #: Sends under way, by chat and by the id that the message has until it is sent.
        self._sending: dict[tuple[int, int], asyncio.Future[dict[str, Any]]] = {}
        self._sent: dict[tuple[int, int], dict[str, Any]] = {}
        self._state: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._me = 0
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._receive, daemon=True).start()

    # ---- TDLib's interface ----------------------------------------------------------------------------

    def _receive(self) -> None:
        while True:
            line = self._library.td_receive(_LOOK)
            if line is not None:
                try:
                    self._loop.call_soon_threadsafe(self._take, json.loads(line))
                except RuntimeError:
                    return  # the program ends

    def _take(self, found: dict[str, Any]) -> None:
        if "@extra" in found:
            asked = self._asked.pop(found["@extra"], None)
            if asked is not None and not asked.done():
                if found["@type"] == "error":
                    asked.set_exception(TdError(f"{found['code']}: {found['message']}"))
                else:
                    asked.set_result(found)
        elif (hear := getattr(self, f"_on_{found['@type']}", None)) is not None:
            hear(found)

    def _ask(self, kind: str, **fields: Any) -> asyncio.Future[dict[str, Any]]:
        number = next(self._numbers)
        asked = self._asked[number] = self._loop.create_future()
        line = json.dumps({"@type": kind, "@extra": number, **fields})
        self._library.td_send(self._client, line.encode())
        return asked

    # ---- orders ----------------------------------------------------------------------------------------

    async def login(self) -> dict[str, Any]:
        stage = self._stage
        proxy = {
            "@type": "proxy",
            "server": stage["host"],
            "port": stage["port"],
            "type": {"@type": "proxyTypeMtproto", "secret": stage["secret"]},
        }
        self._ask("setNetworkType", type={"@type": "networkTypeNone"})
        while True:
            state = await self._state.get()
            match state["@type"]:
                case "authorizationStateWaitTdlibParameters":
                    await self._ask(
                        "setTdlibParameters",
                        database_directory=kept(stage, "database"),
                        files_directory=kept(stage, "files"),
                        use_file_database=True,
                        use_chat_info_database=True,
                        use_message_database=True,
                        api_id=stage["api_id"],
                        api_hash=stage["api_hash"],
                        system_language_code="en",
                        device_model="any",
                        application_version="1",
                    )
                    await self._ask("addProxy", proxy=proxy, enable=True)
                    await self._ask("setNetworkType", type={"@type": "networkTypeOther"})
                case "authorizationStateWaitPhoneNumber" if "token" in stage:
                    await self._ask("checkAuthenticationBotToken", token=stage["token"])
                case "authorizationStateWaitPhoneNumber":
                    await self._ask("setAuthenticationPhoneNumber", phone_number=stage["phone"])
                case "authorizationStateWaitCode":
                    await self._ask("checkAuthenticationCode", code=stage["code"])
                case "authorizationStateReady":
                    break
                case other:
                    raise TdError(other)
        me = await self._ask("getMe")
        self._me = me["id"]
        return {"id": me["id"], "username": me["usernames"]["active_usernames"][0]}

    async def close(self) -> None:
        self._ask("close")
        while (await self._state.get())["@type"] != "authorizationStateClosed":
            pass
        # A second start has a copy of the library that is made for it.
        shutil.rmtree(kept(self._stage, "files"), ignore_errors=True)

    async def _chat(self, to: Any) -> int:
        if isinstance(to, int):
            return to
        found = await self._ask("searchPublicChat", username=to)
        return int(found["id"])

    async def _send(self, to: Any, content: dict[str, Any], markup: Any = None) -> dict[str, Any]:
        chat = await self._chat(to)
        message = await self._ask(
            "sendMessage", chat_id=chat, input_message_content=content, reply_markup=markup
        )
        return {"id": (await self._really(message))["id"] >> SHIFT}

    async def _really(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return a message as the server has it."""
        if message.get("sending_state") is None:
            return message
        key = message["chat_id"], message["id"]
        if key in self._sent:
            return self._sent[key]
        waiting = self._sending[key] = self._loop.create_future()
        sent: dict[str, Any] = await waiting
        return sent

    async def send(self, to: Any, text: str, buttons: Any = None) -> dict[str, Any]:
        markup = buttons and {
            "@type": "replyMarkupInlineKeyboard",
            "rows": [[_button(label, data) for label, data in row] for row in buttons],
        }
        return await self._send(to, _text(text), markup)

    async def start(self, to: str, payload: str) -> None:
        chat = await self._chat(to)
        sent = await self._ask("sendBotStartMessage", bot_user_id=chat, chat_id=chat, parameter=payload)
        await self._really(sent)

    async def edit(self, chat: int, id: int, text: str) -> None:
        content = _text(text)
        await self._ask(
            "editMessageText", chat_id=chat, message_id=id << SHIFT, input_message_content=content
        )

    async def delete(self, chat: int, id: int) -> None:
        await self._ask("deleteMessages", chat_id=chat, message_ids=[id << SHIFT], revoke=True)

    async def press(self, chat: int, id: int, data: str) -> dict[str, Any]:
        payload = {"@type": "callbackQueryPayloadData", "data": b64encode(data.encode()).decode()}
        answer = await self._ask(
            "getCallbackQueryAnswer", chat_id=chat, message_id=id << SHIFT, payload=payload
        )
        return {"text": answer["text"]}

    async def answer_press(self, query: str, text: str) -> None:
        await self._ask("answerCallbackQuery", callback_query_id=query, text=text)

    async def upload(self, to: Any, path: str, photo: bool) -> dict[str, Any]:
        kind = "photo" if photo else "document"
        file: dict[str, Any] = {
            "@type": f"input{kind.title()}",
            kind: {"@type": "inputFileLocal", "path": path},
        }
        if photo:
            file |= {"width": 90, "height": 60}
        return await self._send(to, {"@type": f"inputMessage{kind.title()}", kind: file})

    async def download(self, chat: int, id: int, path: str) -> None:
        message = await self._ask("getMessage", chat_id=chat, message_id=id << SHIFT)
        content = message["content"]
        if content["@type"] == "messagePhoto":
            file = content["photo"]["sizes"][-1]["photo"]
        else:
            file = content["document"]["document"]
        done = await self._ask("downloadFile", file_id=file["id"], priority=32, synchronous=True)
        shutil.copy(done["local"]["path"], path)

    async def create_group(self, title: str, users: list[str]) -> dict[str, Any]:
        ids = [await self._chat(user) for user in users]
        made = await self._ask("createNewBasicGroupChat", user_ids=ids, title=title)
        return {"chat": made["chat_id"]}

    async def poll(self, to: Any, question: str, options: list[str]) -> dict[str, Any]:
        content = {
            "@type": "inputMessagePoll",
            "question": _words(question),
            "options": [{"@type": "inputPollOption", "text": _words(option)} for option in options],
            "is_anonymous": False,
            "type": {"@type": "inputPollTypeRegular"},
        }
        return await self._send(to, content)

    async def vote(self, chat: int, id: int, option: int) -> None:
        await self._ask("setPollAnswer", chat_id=chat, message_id=id << SHIFT, option_ids=[option])

    async def react(self, chat: int, id: int, emoji: str) -> None:
        reaction = {"@type": "reactionTypeEmoji", "emoji": emoji}
        if "token" in self._stage:
            fields: dict[str, Any] = {"reaction_types": [reaction]}
            await self._ask("setMessageReactions", chat_id=chat, message_id=id << SHIFT, **fields)
        else:
            await self._ask(
                "addMessageReaction", chat_id=chat, message_id=id << SHIFT, reaction_type=reaction
            )

    async def ask_inline(self, bot: str, text: str) -> dict[str, Any]:
        user = await self._chat(bot)
        found = await self._ask("getInlineQueryResults", bot_user_id=user, chat_id=user, query=text)
        results = [[one["id"], one["title"]] for one in found["results"]]
        return {"query": found["inline_query_id"], "results": results}

    async def send_inline(self, to: Any, query: str, result: str) -> None:
        chat = await self._chat(to)
        sent = await self._ask("sendInlineQueryResultMessage", chat_id=chat, query_id=query, result_id=result)
        await self._really(sent)

    async def answer_inline(self, query: str, title: str, text: str) -> None:
        result = {
            "@type": "inputInlineQueryResultArticle",
            "id": "one",
            "title": title,
            "input_message_content": _text(text),
        }
        await self._ask("answerInlineQuery", inline_query_id=query, results=[result])

    # ---- what happens ----------------------------------------------------------------------------------

    def _on_updateAuthorizationState(self, update: dict[str, Any]) -> None:
        self._state.put_nowait(update["authorization_state"])

    def _on_updateNewMessage(self, update: dict[str, Any]) -> None:
        message = update["message"]
        if message["is_outgoing"] or message.get("sending_state"):
            return
        content, markup = message["content"], message.get("reply_markup") or {}
        labels = [[button["text"] for button in row] for row in markup.get("rows", [])]
        text = content["text"]["text"] if content["@type"] == "messageText" else ""
        media = content["@type"] in ("messagePhoto", "messageDocument", "messagePoll")
        fields = {"chat": message["chat_id"], "id": message["id"] >> SHIFT}
        self._say("message", **fields, text=text, media=media, labels=labels)

    def _on_updateMessageSendSucceeded(self, update: dict[str, Any]) -> None:
        key = update["message"]["chat_id"], update["old_message_id"]
        self._sent[key] = update["message"]
        if (waiting := self._sending.pop(key, None)) is not None and not waiting.done():
            waiting.set_result(update["message"])

    def _on_updateMessageSendFailed(self, update: dict[str, Any]) -> None:
        key, error = (update["message"]["chat_id"], update["old_message_id"]), update["error"]
        if (waiting := self._sending.pop(key, None)) is not None and not waiting.done():
            waiting.set_exception(TdError(f"{error['code']}: {error['message']}"))

    def _on_updateMessageContent(self, update: dict[str, Any]) -> None:
        content = update["new_content"]
        if content["@type"] == "messageText":
            fields = {"chat": update["chat_id"], "id": update["message_id"] >> SHIFT}
            self._say("edited", **fields, text=content["text"]["text"])

    def _on_updateDeleteMessages(self, update: dict[str, Any]) -> None:
        if update["is_permanent"] and not update["from_cache"]:
            self._say("deleted", ids=[number >> SHIFT for number in update["message_ids"]])

    def _on_updateNewCallbackQuery(self, update: dict[str, Any]) -> None:
        self._say("press", query=update["id"], data=b64decode(update["payload"]["data"]).decode())

    def _on_updateNewInlineQuery(self, update: dict[str, Any]) -> None:
        self._say("inline", query=update["id"], text=update["query"])

    def _on_updatePollAnswer(self, update: dict[str, Any]) -> None:
        self._say("vote", options=len(update["option_positions"]))

    def _on_updateMessageReaction(self, update: dict[str, Any]) -> None:
        emoji = [one["emoji"] for one in update["new_reaction_types"]]
        self._say("reaction", id=update["message_id"] >> SHIFT, emoji=emoji)

    def _on_updateMessageInteractionInfo(self, update: dict[str, Any]) -> None:
        reactions = (update.get("interaction_info") or {}).get("reactions") or {}
        emoji = [one["type"]["emoji"] for one in reactions.get("reactions", [])]
        self._say("reaction", id=update["message_id"] >> SHIFT, emoji=emoji)


def _words(text: str) -> dict[str, Any]:
    return {"@type": "formattedText", "text": text}


def _text(text: str) -> dict[str, Any]:
    return {"@type": "inputMessageText", "text": _words(text)}


def _button(label: str, data: str) -> dict[str, Any]:
    kind = {"@type": "inlineKeyboardButtonTypeCallback", "data": b64encode(data.encode()).decode()}
    return {"@type": "inlineKeyboardButton", "text": label, "type": kind}


if __name__ == "__main__":
    run(Tdlib)
