"""What an error says that ended a delivery: of the recipient, of the content, or of the moment."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, NamedTuple

from telethon import errors

from tgbot.core.access import Record
from tgbot.core.deliveries import OUTCOME_OF, Outcome
from tgbot.core.verdicts import from_rpc_error, judge
from tgbot.telegram.refusals import Answer, answer_of, error_name, is_flood, wait_of


class Subject(Enum):
    """What a refusal is about."""

    #: The recipient: nobody else's delivery is refused for it.
    RECIPIENT = "recipient"
    #: The content, or the bot: the others would be refused, too.
    CONTENT = "content"
    #: A file of the content was named in an outdated way: it has to be fetched again.
    FILE = "file"
    #: The rate.
    RATE = "rate"
    #: The moment: Telegram has a fault, or the link went.
    MOMENT = "moment"


class Refusal(NamedTuple):
    """What came instead of an answer."""

    about: Subject
    #: Telegram's name of the error.
    name: str
    #: The outcome of the delivery, where it is about the recipient.
    outcome: Outcome = Outcome.FAILED
    #: The seconds that Telegram asks to wait.
    wait: int = 0


#: Names of refusals about a recipient that say nothing of access, and about the message that they got.
#: PEER_FLOOD is about the bot.
_OF_RECIPIENTS: Final = re.compile(
    r"(?!PEER_FLOOD)(?:(?:INPUT_)?(?:USER|PEER|CHAT|CHANNEL|PRIVACY)_|VOICE_MESSAGES_).*"
    r"|(?:MESSAGE|MSG)_ID_INVALID|MESSAGE_(?:EDIT_TIME_EXPIRED|AUTHOR_REQUIRED|DELETE_FORBIDDEN)"
)


def refusal_of(error: Exception, at: int) -> Refusal | None:
    """Return what an error says that ended a delivery at `at`; None for one that is none of Telegram's."""
    answer = answer_of(error)
    if answer is None:
        return None
    if not isinstance(error, errors.RPCError):
        return Refusal(Subject.MOMENT, type(error).__name__)
    name = error_name(error)
    if is_flood(error):
        return Refusal(Subject.RATE, name, wait=max(1, wait_of(error)))
    if name.startswith("FILE_REFERENCE_"):
        return Refusal(Subject.FILE, name)
    if answer is Answer.LATER:
        return Refusal(Subject.MOMENT, name)
    evidence = from_rpc_error(name, at)
    if evidence is not None:
        access = judge(Record.of([evidence]), at).access
        return Refusal(Subject.RECIPIENT, name, OUTCOME_OF.get(access, Outcome.FAILED))
    return Refusal(Subject.RECIPIENT if _OF_RECIPIENTS.fullmatch(name) else Subject.CONTENT, name)
