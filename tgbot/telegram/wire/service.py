"""The messages of the protocol itself: pongs, salts, new sessions, what Telegram refuses or asks about."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from telethon import errors
from telethon.tl import functions, types

from tgbot.core.clock import ServerClock
from tgbot.telegram.wire.link import LinkState
from tgbot.telegram.wire.messages import Messages
from tgbot.telegram.wire.outgoing import Outgoing

logger = logging.getLogger(__name__)

#: How often one message is sent again after bad_msg_notification: with the third, over a fresh link.
_MAX_REFUSALS, _RENEWING_REFUSAL = 5, 3
#: The code of a message with a wrong salt.
_BAD_SALT: Final = 48
#: The most messages whose states Telegram may ask for in one message.
_MAX_ASKED: Final = 8_192
#: What a pong answers.
_PINGS: Final = (functions.PingRequest, functions.PingDelayDisconnectRequest)
#: What asks for nothing.
_IGNORED: Final = (types.MsgsAck, types.MsgsStateInfo, types.MsgsAllInfo, types.FutureSalts,
                   types.DestroySessionOk, types.DestroySessionNone)  # fmt: skip


class ServiceMessages:
    """Do what the messages of the protocol ask for.

    `worked` is called for what shows that the link is of use, `missed` where Telegram began a new session.
    """

    def __init__(
        self,
        messages: Messages,
        outgoing: Outgoing,
        state: LinkState,
        server_time: ServerClock,
        *,
        worked: Callable[[], None],
        missed: Callable[[], None],
    ) -> None:
        self._messages = messages
        self._outgoing = outgoing
        self._link_state = state
        self._server_time = server_time
        self._worked = worked
        self._missed = missed

    def take(self, msg_id: int, thing: Any) -> None:  # Any: a TLObject, or what else can be read
        """Take a message; raise KeyError for one that is none of the protocol's, or has no place in it."""
        if not isinstance(thing, _IGNORED):
            _DOING[type(thing)](self, msg_id, thing)

    def _on_pong(self, msg_id: int, pong: types.Pong) -> None:
        asked = self._outgoing.unanswered.get(pong.msg_id)
        if asked is not None and not isinstance(asked.request, _PINGS):
            raise KeyError("a pong is no answer to this request")
        self._worked()
        self._server_time.note_unix(self._messages.server_time)
        if (sent := self._outgoing.answered(pong.msg_id)) is not None:
            sent.future.set_result(pong)

    def _on_new_session(self, msg_id: int, new: types.NewSessionCreated) -> None:
        self._missed()
        self._worked()
        self._messages.salt = new.server_salt

    def _on_bad_salt(self, msg_id: int, bad: types.BadServerSalt) -> None:
        self._messages.salt = bad.new_server_salt
        self._send_again(bad.bad_msg_id, bad.error_code)

    def _on_bad_message(self, msg_id: int, bad: types.BadMsgNotification) -> None:
        if bad.error_code in (16, 17):
            self._messages.take_time()
        elif bad.error_code in (32, 33):
            self._messages.move_sequence(64 if bad.error_code == 32 else -16)
        self._send_again(bad.bad_msg_id, bad.error_code)

    def _send_again(self, bad_msg_id: int, code: int) -> None:
        """Send the messages again that Telegram refused; over a fresh link, or give up, if that goes on."""
        if code != _BAD_SALT:  # which is how Telegram tells a fresh link its salt
            logger.info("Telegram refused a message (bad_msg_notification %d); sending it anew", code)
        renewing = False
        for sent in self._outgoing.refused(bad_msg_id):
            renewing = renewing or sent.refused == _RENEWING_REFUSAL
            if sent.refused <= _MAX_REFUSALS:
                self._outgoing.put(sent)
            else:
                sent.future.set_exception(errors.TimedOutError(sent.request, "Timeout"))
        if renewing:
            self._link_state.renew(f"Telegram refuses a message again and again (code {code})")

    def _on_answer_waits(self, msg_id: int, info: types.MsgDetailedInfo | types.MsgNewDetailedInfo) -> None:
        """Have Telegram send an answer that it only announced."""
        self._outgoing.ask(types.MsgResendReq([info.answer_msg_id]))

    def _on_state_asked(self, msg_id: int, asked: types.MsgsStateReq | types.MsgResendReq) -> None:
        """Tell that nothing is known of messages: their requests are sent again when a link ends."""
        if len(asked.msg_ids) > _MAX_ASKED:
            raise KeyError("too many messages are asked about")
        self._outgoing.ask(types.MsgsStateInfo(msg_id, b"\1" * len(asked.msg_ids)))


_DOING: Final[dict[type[Any], Callable[[ServiceMessages, int, Any], None]]] = {
    types.Pong: ServiceMessages._on_pong,
    types.NewSessionCreated: ServiceMessages._on_new_session,
    types.BadServerSalt: ServiceMessages._on_bad_salt,
    types.BadMsgNotification: ServiceMessages._on_bad_message,
    types.MsgDetailedInfo: ServiceMessages._on_answer_waits,
    types.MsgNewDetailedInfo: ServiceMessages._on_answer_waits,
    types.MsgsStateReq: ServiceMessages._on_state_asked,
    types.MsgResendReq: ServiceMessages._on_state_asked,
}
