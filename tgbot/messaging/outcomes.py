"""What the outcome of a call about a user says about the bot's access to them."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLRequest, functions

from tgbot.core.access import Kind
from tgbot.core.users import Keep, UserRegistry
from tgbot.core.verdicts import from_rpc_error
from tgbot.telegram.calls.packed import PACKED
from tgbot.telegram.calls.plain import PlainText, Typing

_ALL: Final = Keep.ALL  # a name of its own: a member of an enum is looked up slowly
#: What the success of a request about a user says about the bot's access to them.
_ACCEPTED: Final = {
    functions.messages.SetTypingRequest: Kind.ACTION_ACCEPTED,
    Typing: Kind.ACTION_ACCEPTED,
    functions.messages.SendMessageRequest: Kind.SENT,
    PlainText: Kind.SENT,
    functions.messages.SendMediaRequest: Kind.SENT,
    functions.messages.SendMultiMediaRequest: Kind.SENT,
    functions.messages.ForwardMessagesRequest: Kind.SENT,
    **dict.fromkeys(PACKED.values(), Kind.SENT),
}


def record_outcome(
    users: UserRegistry, keep: Keep, request: TLRequest, user_id: int, error: str | None, at: int
) -> None:
    """Record what a finished call about a private user says about access; `error` is Telegram's name or None.

    `at` is Telegram's time in unix seconds when the call went out; what happened later comes in updates.
    Nothing is recorded of strangers who are not kept.
    """
    accepted = _ACCEPTED.get(type(request))
    if error is None:
        if accepted is not None:
            users.answered(user_id, accepted, at, strangers=keep is _ALL)
    else:
        evidence = from_rpc_error(error, at)
        if evidence is not None and evidence.kind is Kind.PEER_ID_INVALID and accepted is None:
            return  # An invalid peer says "may not write" only to a call that writes.
        if evidence is not None:
            users.answered(user_id, evidence.kind, at, evidence.detail, strangers=keep is _ALL)
