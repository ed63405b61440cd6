"""The gate for what the bot sends of its own accord: pace, the answer's meaning for access, and the probe.

Once-only sends, flood waits and retries are the client's, below every call; here a call waits for its turn
and what Telegram answered becomes evidence.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from telethon import errors, utils
from telethon.tl import functions, types

from tgbot.core.access import AFTER_REFUSAL, Access, Evidence, Kind, Verdict, from_rpc_error
from tgbot.core.users import UserRegistry
from tgbot.messaging.pace import Pace

log = logging.getLogger(__name__)

#: What the success of a request about a user says of the bot's access to them.
_ACCEPTED = {
    functions.messages.SetTypingRequest: Kind.ACTION_ACCEPTED,
    functions.messages.SendMessageRequest: Kind.SENT,
    functions.messages.SendMediaRequest: Kind.SENT,
    functions.messages.SendMultiMediaRequest: Kind.SENT,
    functions.messages.ForwardMessagesRequest: Kind.SENT,
}

_ACCEPTED_KINDS = frozenset(_ACCEPTED.values())

#: The bot may not write in this chat (any longer): nothing to answer there, and nothing wrong with the bot.
_CLOSED_CHAT = frozenset(
    {
        "CHANNEL_PRIVATE",
        "CHAT_ADMIN_REQUIRED",
        "CHAT_FORBIDDEN",
        "CHAT_GUEST_SEND_FORBIDDEN",
        "CHAT_ID_INVALID",
        "CHAT_RESTRICTED",
        "CHAT_SEND_PLAIN_FORBIDDEN",
        "CHAT_WRITE_FORBIDDEN",
        "PEER_ID_INVALID",
        "TOPIC_CLOSED",
        "USER_BANNED_IN_CHANNEL",
    }
)


class Sender:
    """Sends, probes, and turns Telegram's answers into evidence.

    `clock` gives the server's time in seconds. Every call about a private user, a handler's
    `event.respond` included, is to be told to `observe` (the client's `outcome` hook).
    """

    def __init__(
        self,
        client: Any,
        users: UserRegistry,
        *,
        clock: Callable[[], float] = time.time,
        pace: Pace | None = None,
    ) -> None:
        self._client = client
        self._users = users
        self._clock = clock
        self._pace = pace or Pace()

    async def send(self, user: Any, text: str, **options: Any) -> Any:
        """Sends a message to a user (id, peer or entity) in its turn and returns it; raises Telegram's error.

        `options` are those of Telethon's `send_message`; the text is sent as it is unless `parse_mode` says
        otherwise.
        """
        user_id, peer = self._target(user)
        await self._pace.turn(user_id)
        options.setdefault("parse_mode", None)
        return await self._client.send_message(peer, text, **options)

    async def answer(self, event: Any, text: str, **options: Any) -> Any | None:
        """Answers in the chat that `event` came from, without waiting for a turn.

        A chat in which the bot may not write (any longer) is no failure: None is returned, and the evidence
        is in the registry. The text is sent as it is unless `parse_mode` says otherwise.
        """
        options.setdefault("parse_mode", None)
        try:
            if event.input_chat is not None:
                return await event.respond(text, **options)
            if event.is_private:
                # No full user came with the message. Who wrote to a bot can be reached with access hash 0.
                return await event.client.send_message(types.InputPeerUser(event.chat_id, 0), text, **options)
        except errors.RPCError as error:
            name = error_name(error)
            if name not in _CLOSED_CHAT and from_rpc_error(name, int(self._clock())) is None:
                raise
            log.info("Chat %d takes no answer: %s", event.chat_id, name)
        return None

    async def can_write(self, user: Any, *, probe: bool = False) -> Verdict:
        """Says whether the bot may write to the user: by the evidence, or asking Telegram with `probe`."""
        return await self.probe(user) if probe else self._verdict(self._target(user)[0])

    async def probe(self, user: Any) -> Verdict:
        """Asks Telegram with one chat action whether the bot may write to the user, and records the answer.

        An error that says nothing of access (a flood wait too long, no connection) is raised as it is.
        """
        user_id, peer = self._target(user)
        await self._pace.turn(user_id)
        try:
            await self._client(functions.messages.SetTypingRequest(peer, types.SendMessageTypingAction()))
        except errors.RPCError as error:
            if from_rpc_error(error_name(error), int(self._clock())) is None:
                raise
        return self._verdict(user_id)

    def observe(self, request: Any, user_id: int, error: str | None, at: int | None = None) -> None:
        """Records what a finished call about a private user says of access: success, or an error's name.

        `at` is the server's time when the call went out: what comes later, Telegram's updates tell.
        """
        if at is None:
            at = int(self._clock())
        accepted = _ACCEPTED.get(type(request))
        if error is None:
            evidence = None if accepted is None else Evidence(accepted, at)
        else:
            evidence = from_rpc_error(error, at)
            if evidence is not None and evidence.kind is Kind.PEER_ID_INVALID and accepted is None:
                return  # An invalid peer says "may not write" only to a call that writes.
        if evidence is not None:
            self._users.record(user_id, self._in_order(user_id, evidence))

    def _in_order(self, user_id: int, evidence: Evidence) -> Evidence:
        """The evidence, in its place among what Telegram told of the same second."""
        user = self._users.get(user_id)
        if user is None:
            return evidence
        if qts := user.record.last_qts:
            evidence = evidence._replace(qts=qts)
        if user.counted is Access.REACHABLE or evidence.kind not in _ACCEPTED_KINDS:
            return evidence
        refusal = user.verdict(evidence.at).evidence
        if refusal is not None and refusal.at == evidence.at and refusal.qts == evidence.qts:
            return evidence._replace(detail=AFTER_REFUSAL)
        return evidence

    def _verdict(self, user_id: int) -> Verdict:
        user = self._users.get(user_id)
        return user.verdict(self._clock()) if user else Verdict(Access.UNKNOWN)

    def _target(self, user: Any) -> tuple[int, Any]:
        if isinstance(user, int):
            return user, types.InputPeerUser(user, self._client.session.access_hash(user) or 0)
        peer = utils.get_input_peer(getattr(user, "peer", user))
        return utils.get_peer_id(peer), peer


def error_name(error: Exception) -> str:
    """Gives the name that an error had on the wire (`USER_IS_BLOCKED`); Telethon turns it into a class."""
    return _names().get(type(error)) or str(getattr(error, "message", ""))


@cache
def _names() -> dict[type, str]:
    return {kind: name for name, kind in errors.rpc_errors_dict.items()}
