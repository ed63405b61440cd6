"""What the bot sends of its own accord, and the probe.

The client below gives each send its name, waits out flood waits and tries again; here a call waits for its
turn.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from telethon import errors, events, utils
from telethon.tl import TLObject, functions, types

from tgbot.core.access import Access, Evidence, Kind, Record, Verdict
from tgbot.core.ids import marked_id
from tgbot.core.users import UserRegistry
from tgbot.core.verdicts import from_rpc_error, judge
from tgbot.messaging.leftover import Stream
from tgbot.messaging.lengths import CAPTION, TEXT, length, pieces
from tgbot.messaging.pace import Pace
from tgbot.messaging.resolve import Resolved
from tgbot.telegram import BotClient, error_name, slow_mode_raises
from tgbot.telegram.calls.plain import Typing, typing

log = logging.getLogger(__name__)

#: The recipient of a send: a user id, a TL peer or user, or the result of `Peers`.
Recipient: TypeAlias = int | TLObject | Resolved

#: Errors that say that the bot may not write in a chat; an answer there is left out.
_CLOSED_CHAT: Final = frozenset(
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
        "TOPIC_DELETED",
        "USER_BANNED_IN_CHANNEL",
    }
)


class Sender:
    """Send and probe at Telegram's pace.

    `clock` gives Telegram's time in seconds; without `pace`, turns follow Telegram's usual limits. What an
    answer says about access is in the registry once the call returns: the client reports every call to
    `outcomes.record_outcome`.
    """

    def __init__(
        self,
        client: BotClient,
        users: UserRegistry,
        *,
        clock: Callable[[], float],
        pace: Pace | None = None,
    ) -> None:
        self._client = client
        self._users = users
        self._clock = clock
        self._pace = pace or Pace()
        #: How many answers were left out because their chat was in slow mode.
        self._left_out = 0

    async def send(self, user: Recipient, text: str, **options: object) -> types.Message:
        """Send a message to a user in its turn and return it; raise Telegram's error.

        `options` are those of Telethon's `send_message`; the text is sent as it is unless `parse_mode` says
        otherwise. A text that is too long for one message goes in several, the last of which is returned.
        """
        user_id, peer = self._target(user)
        *before, last = messages_of(text, options)
        for part, chosen in before:
            await self._pace.turn(user_id)
            await self._client.send_message(peer, part, **chosen)
        await self._pace.turn(user_id)
        return await self._client.send_message(peer, last[0], **last[1])

    async def answer(
        self, event: events.NewMessage.Event, text: str, **options: object
    ) -> types.Message | None:
        """Answer in the chat of an event without waiting for a turn, and return the message.

        Return None if the bot may not write in that chat: that is no failure, and the evidence is in the
        registry. Return None, too, where the chat is in slow mode: answers do not queue up there. Raise any
        other error. The text is sent as it is unless `parse_mode` says otherwise, and in several messages as
        with `send`.
        """
        answer: types.Message | None = None
        try:
            with slow_mode_raises():
                for part, chosen in messages_of(text, options):
                    if event.input_chat is not None:
                        answer = await event.respond(part, **chosen)
                    elif event.is_private:
                        # The message came without its user. A bot may use access hash 0 for who wrote to it.
                        peer = types.InputPeerUser(event.chat_id, 0)
                        answer = await event.client.send_message(peer, part, **chosen)
                return answer
        except errors.SlowModeWaitError:
            self._left_out += 1
            log.info(
                "Chat %d is in slow mode; the answer is left out (%d so far)", event.chat_id, self._left_out
            )
        except errors.RPCError as error:
            name = error_name(error)
            if name not in _CLOSED_CHAT and from_rpc_error(name, int(self._clock())) is None:
                raise
            log.info("Chat %d takes no answer: %s", event.chat_id, name)
        return None

    async def can_write(self, user: Recipient, *, probe: bool = False) -> Verdict:
        """Return whether the bot may write to the user, by the evidence; with `probe` ask Telegram first."""
        return await self.probe(user) if probe else self._verdict(self._target(user)[0])

    async def probe(self, user: Recipient, *, turns: Stream | None = None) -> Verdict:
        """Ask Telegram with one chat action whether the bot may write to the user; record its answer.

        Raise an error that says nothing about access, such as a flood wait that is too long. With `turns` the
        call takes one of these, and each flood wait is raised: for work that asks about many users.
        """
        client = self._client
        request: functions.messages.SetTypingRequest
        if type(user) is int:  # nearly always
            user_id, request = user, Typing(user, client.session.access_hash(user) or 0)
        else:
            user_id, peer = self._target(user)
            request = typing(peer)
        if turns is not None:
            await turns.turn()
            asked = client.direct.call(request, user_id)
        else:
            if not self._pace.at_once(user_id):
                await self._pace.turn(user_id)
            asked = client(request)
        refusal = None
        try:
            await asked
        except errors.RPCError as error:
            refusal = from_rpc_error(error_name(error), int(self._clock()))
            if refusal is None:
                raise
        now, known = int(self._clock()), self._users.get(user_id)
        if known is not None:
            return known.verdict(now)
        # Of strangers who are not kept there is the answer alone.
        return judge(Record.of([refusal or Evidence(Kind.ACTION_ACCEPTED, now)]), now)

    def _verdict(self, user_id: int) -> Verdict:
        user = self._users.get(user_id)
        return user.verdict(self._clock()) if user else Verdict(Access.UNKNOWN)

    def _target(self, user: Recipient) -> tuple[int, types.TypeInputPeer]:
        """Return the user's id and input peer."""
        if isinstance(user, int):
            return user, types.InputPeerUser(user, self._client.session.access_hash(user) or 0)
        if isinstance(user, Resolved):
            return user.id, user.peer
        peer = utils.get_input_peer(user)
        return marked_id(peer), peer


def messages_of(text: str, options: Mapping[str, object]) -> list[tuple[str, dict[str, object]]]:
    """Return the messages that a text takes, each with the options to send it; the last has the buttons."""
    options = {"parse_mode": None, **options}
    limit = CAPTION if options.get("file") else TEXT
    if 2 * len(text) <= limit or length(text) <= limit:
        return [(text, options)]
    entities: Any = options.get("formatting_entities") or ()  # Any: as Telethon's `send_message` takes them
    if not entities and (parser := utils.sanitize_parse_mode(options["parse_mode"])) is not None:
        text, entities = parser.parse(text)
    parts = list(pieces(text, entities, limit)) or [(text[:1], [])]  # Telegram refuses white space
    whole = {name: value for name, value in options.items() if name not in ("buttons", "file", "reply_to")}
    messages = [(part, {**whole, "formatting_entities": inside}) for part, inside in parts]
    messages[0][1].update({name: options[name] for name in ("file", "reply_to") if name in options})
    messages[-1][1].update({"buttons": options["buttons"]} if "buttons" in options else {})
    return messages
