from __future__ import annotations

import asyncio

import pytest
from telethon import errors
from telethon.errors.rpcerrorlist import rpc_errors_dict, rpc_errors_re
from telethon.tl import functions

from tgbot.telegram import error_name
from tgbot.telegram.refusals import (
    Answer,
    NoAnswerError,
    answer_of,
    ends_login,
    is_fault,
    is_flood,
    wait_of,
)
from tgbot.telegram.wire.reading import UnreadableError


class Refused:
    """Telegram's answer that it refuses a request."""

    def __init__(self, name: str, code: int) -> None:
        self.error_message = name
        self.error_code = code


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (403, "PRIVACY_PREMIUM_REQUIRED"),
        (403, "ALLOW_PAYMENT_REQUIRED_50"),
        (400, "USER_BOT_TO_BOT_DISABLED"),
        (403, "USER_IS_BLOCKED"),
        (400, "PEER_ID_INVALID"),
        (500, "RANDOM_ID_DUPLICATE"),
        (420, "FLOOD_WAIT_30"),
        (420, "FLOOD_PREMIUM_WAIT_30"),
        (420, "SLOWMODE_WAIT_30"),
        (420, "2FA_CONFIRM_WAIT_30"),
        (303, "PHONE_MIGRATE_4"),
        (500, "INTERDC_4_CALL_ERROR"),
        (400, "FILE_PART_7_MISSING"),
        (400, "SOMETHING_NEW"),
        (400, "SOMETHING_NEW_30"),
    ],
)
def test_an_errors_name_is_telegrams_with_its_number_and_also_without_a_class_of_telethons(
    code: int, name: str
) -> None:
    assert error_name(errors.rpc_message_to_error(Refused(name, code), None)) == name


def test_an_error_without_a_message_has_the_name_of_its_class() -> None:
    assert error_name(errors.RPCError(None, "")) == "RPCError"


# ---- three answers ------------------------------------------------------------------------------

#: What of Telethon's classes may succeed later, by the name; every other class is a refusal.
LATER = {
    "2FA_CONFIRM_WAIT_7", "FLOOD_PREMIUM_WAIT_7", "FLOOD_TEST_PHONE_WAIT_7", "FLOOD_WAIT_7",
    "PASSWORD_TOO_FRESH_7", "PREVIOUS_CHAT_IMPORT_ACTIVE_WAIT_7MIN", "SESSION_TOO_FRESH_7",
    "SLOWMODE_WAIT_7", "TAKEOUT_INIT_DELAY_7",
    "NETWORK_MIGRATE_7", "PHONE_MIGRATE_7", "USER_MIGRATE_7",
    "AUTH_KEY_DUPLICATED", "AUTH_KEY_INVALID", "AUTH_KEY_PERM_EMPTY", "AUTH_KEY_UNREGISTERED",
    "SESSION_EXPIRED", "SESSION_REVOKED", "USER_DEACTIVATED", "USER_DEACTIVATED_BAN",
    "AUTH_RESTART", "CALL_OCCUPY_FAILED", "CDN_UPLOAD_TIMEOUT", "CHAT_GET_FAILED",
    "CHAT_ID_GENERATE_FAILED", "CHP_CALL_FAIL", "ENCRYPTION_OCCUPY_FAILED",
    "GROUPCALL_ADD_PARTICIPANTS_FAILED", "HISTORY_GET_FAILED", "INTERDC_7_CALL_ERROR",
    "INTERDC_7_CALL_RICH_ERROR", "MEMBER_NO_LOCATION", "MEMBER_OCCUPY_PRIMARY_LOC_FAILED",
    "MSGID_DECREASE_RETRY", "MSG_WAIT_FAILED", "MT_SEND_QUEUE_TOO_LONG", "NEED_CHAT_INVALID",
    "NEED_MEMBER_INVALID", "PARTICIPANT_CALL_FAILED", "PERSISTENT_TIMESTAMP_OUTDATED",
    "POSTPONED_TIMEOUT", "PTS_CHANGE_EMPTY", "RANDOM_ID_DUPLICATE", "REG_ID_GENERATE_FAILED",
    "RPC_CALL_FAIL", "RPC_MCGET_FAIL", "SIGN_IN_FAILED", "STORAGE_CHECK_FAILED",
    "STORE_INVALID_SCALAR_TYPE", "TIMEOUT", "Timedout", "Timeout", "WORKER_BUSY_TOO_LONG_RETRY",
}  # fmt: skip
#: With the code of its class, as Telegram sends it.
KNOWN = {name: kind.code for name, kind in rpc_errors_dict.items()} | {
    pattern.replace(r"(\d+)", "7"): kind.code for pattern, kind in rpc_errors_re
}


def error(name: str, code: int) -> errors.RPCError:
    return errors.rpc_message_to_error(Refused(name, code), functions.updates.GetStateRequest())


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_each_error_that_telethon_knows_is_a_refusal_or_passes(name: str) -> None:
    assert answer_of(error(name, KNOWN[name])) is (Answer.LATER if name in LATER else Answer.NO)


def test_what_passes_is_still_known_to_telethon() -> None:
    assert set(KNOWN) >= LATER


@pytest.mark.parametrize(
    ("code", "name", "said"),
    [
        (-503, "Timeout", Answer.LATER),
        (-500, "No workers running", Answer.LATER),
        (502, "BAD_GATEWAY", Answer.LATER),
        (500, "SOMETHING_NEW", Answer.LATER),
        (400, "RPC_CALL_FAIL", Answer.LATER),
        (400, "MSG_WAIT_TIMEOUT", Answer.LATER),
        (500, "INTERDC_2_CALL_ERROR", Answer.LATER),
        (400, "WORKER_BUSY_TOO_LONG_RETRY", Answer.LATER),
        (420, "FLOOD_NEW_WAIT_9", Answer.LATER),
        (420, "SOMETHING_NEW", Answer.LATER),
        (401, "SOMETHING_NEW", Answer.LATER),
        (406, "AUTH_KEY_DUPLICATED", Answer.LATER),
        (501, "NOT_IMPLEMENTED", Answer.NO),
        (420, "FROZEN_METHOD_INVALID", Answer.NO),
        (401, "SESSION_PASSWORD_NEEDED", Answer.NO),
        (406, "PRIVACY_PREMIUM_REQUIRED", Answer.NO),
        (406, "SOMETHING_NEW", Answer.NO),
        (400, "SOMETHING_NEW_9", Answer.NO),
        (403, "ALLOW_PAYMENT_REQUIRED_9", Answer.NO),
        (404, "METHOD_INVALID", Answer.NO),
    ],
)
def test_an_error_without_a_class_is_told_by_its_name_and_code(code: int, name: str, said: Answer) -> None:
    assert answer_of(error(name, code)) is said


@pytest.mark.parametrize(
    ("name", "code", "seconds"),
    [
        ("FLOOD_WAIT_30", 420, 30),
        ("FLOOD_NEW_WAIT_30", 420, 30),
        ("SLOWMODE_WAIT_30", 420, 30),
        ("TAKEOUT_INIT_DELAY_30", 420, 30),
        ("SESSION_TOO_FRESH_30", 400, 30),
        ("STORY_SEND_FLOOD_WEEKLY_30", 400, 30),
        ("PREVIOUS_CHAT_IMPORT_ACTIVE_WAIT_2MIN", 406, 120),
        ("INTERDC_4_CALL_ERROR", 500, 0),
        ("USER_MIGRATE_4", 303, 0),
        ("ALLOW_PAYMENT_REQUIRED_50", 403, 0),
        ("USER_IS_BLOCKED", 403, 0),
    ],
)
def test_the_wait_is_the_number_that_telegram_names(name: str, code: int, seconds: int) -> None:
    assert wait_of(error(name, code)) == seconds
    assert is_flood(error(name, code)) == bool(seconds)


@pytest.mark.parametrize("name", sorted(LATER))
def test_what_passes_is_a_flood_or_a_fault_or_a_matter_of_the_login_or_the_data_centre(name: str) -> None:
    raised = error(name, KNOWN[name])
    migration = isinstance(raised, errors.InvalidDCError)
    assert is_flood(raised) + is_fault(raised) + ends_login(raised) + migration == 1


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (NoAnswerError("X"), Answer.LATER),
        (ConnectionResetError(), Answer.LATER),
        (TimeoutError(), Answer.LATER),
        (asyncio.IncompleteReadError(b"", 4), Answer.LATER),
        (errors.InvalidBufferError(bytes(4)), Answer.LATER),
        (errors.AuthKeyNotFound(), Answer.LATER),
        (UnreadableError("X"), Answer.BROKEN),
        (errors.TypeNotFoundError(1, b""), Answer.BROKEN),
        (ValueError("of a handler"), None),
        (PermissionError(), None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_telegrams_own_error_is_told_apart_too(raised: Exception, said: Answer | None) -> None:
    assert answer_of(raised) is said


@pytest.mark.parametrize(
    ("names", "said", "seconds"),
    [
        (["USER_IS_BLOCKED", "FLOOD_WAIT_7", "FLOOD_WAIT_9"], Answer.LATER, 9),
        (["USER_IS_BLOCKED", "PEER_ID_INVALID"], Answer.NO, 0),
    ],
)
def test_the_errors_of_several_requests_pass_if_one_of_them_does(
    names: list[str], said: Answer, seconds: int
) -> None:
    failures = [None, *(error(name, 400) for name in names)]
    request = functions.updates.GetStateRequest()
    raised = errors.MultiError(failures, [None] * len(failures), [request] * len(failures))
    assert answer_of(raised) is said
    assert wait_of(raised) == seconds
