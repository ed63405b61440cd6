"""Events of new private messages, built in fewer steps than Telethon takes: equal in all they hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from telethon import TelegramClient, events
from telethon.tl import types

from tgbot.telegram.peers import Peers
from tgbot.telegram.updates.job import Job

_new, _set = object.__new__, object.__setattr__


class PrivateMessage(events.NewMessage.Event):
    """Telethon's event of a new message from a user: what is asked of it most takes fewer steps."""

    def matches(self, pattern: Callable[[str], object]) -> bool:
        """Return whether the text matches, as Telethon's filter does; keep the match as `pattern_match`."""
        fields = self.__dict__
        match = pattern(fields["message"].message or "")
        if not match:
            return False
        fields["pattern_match"] = match
        return True

    def respond(self, *args: Any, **options: Any) -> Awaitable[types.Message]:  # Any: as Telethon has it
        """Send a message into the chat, as Telethon's event does."""
        fields = self.__dict__
        client, chat = fields["_client"], fields["_input_chat"]
        sent: Awaitable[types.Message] = client.send_message(chat, *args, **options)
        return sent

    def reply(self, *args: Any, **options: Any) -> Awaitable[types.Message]:  # Any: as above
        """Send a message into the chat as a reply to this one, as Telethon's event does."""
        return self.respond(*args, **options | {"reply_to": self.__dict__["message"].id})


def private_message(job: Job, client: TelegramClient, peers: Peers) -> Any:  # Any: an event of Telethon's
    """Return the NewMessage event of an ordinary message from a user whom the session knows.

    Return None for every other update: Telethon builds the event of that, if it has one.
    """
    update = job.update
    if type(update) is not types.UpdateNewMessage:
        return None
    message = update.message
    if type(message) is not types.Message or type(message.peer_id) is not types.PeerUser:
        return None
    user_id = message.peer_id.user_id
    if (
        message.out
        or message.from_id is not None
        or message.fwd_from
        or message.via_bot_id
        or message.reply_to
        or message.replies
        or user_id == peers.self_id
    ):
        return None
    entities = job.entities
    chat: Any = entities.get(user_id)  # Any: a user or chat
    if type(chat) is types.User and chat.access_hash and not chat.min:
        user = types.InputPeerUser(user_id, chat.access_hash)  # as the session has just noted it
    else:
        user = peers.input_user(user_id)
        if user is None:
            return None
    message._client = client
    message._sender = message._chat = chat
    message._input_sender = message._input_chat = user
    event = _new(PrivateMessage)
    _set(  # an assignment to an attribute of the event would go to the message
        event,
        "__dict__",
        {
            "_init": True,
            "_chat_peer": message.peer_id,
            "_chat": chat,
            "_input_chat": user,
            "_broadcast": bool(message.post),
            "_client": client,
            "_entities": entities,
            "_message_id": message.id,
            "original_update": update,
            "pattern_match": None,
            "message": message,
            "replayed": job.replayed,
        },
    )
    return event
