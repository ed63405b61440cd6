from __future__ import annotations

import pytest
from telethon import errors

from tgbot.telegram import error_name


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
