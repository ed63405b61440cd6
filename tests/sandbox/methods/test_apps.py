"""What apps ask for at their start: true answers about nothing."""

from __future__ import annotations

import pytest
from telethon.tl import types
from telethon.tl.functions import auth, help, messages

from tests.sandbox.methods.direct import Client, refused
from tgbot.sandbox.methods.apps import METHODS
from tgbot.sandbox.signatures import arguments


@pytest.mark.parametrize(
    "request_type", [each for each in METHODS if each is not messages.GetStickerSetRequest]
)
def test_an_app_gets_an_empty_list_or_settings_of_the_type_that_the_schema_names(
    request_type: type, ann: Client, bot: Client
) -> None:
    given: dict[str, int | str] = {
        name: 0 for name in ("hash", "offset", "limit") if name in arguments(request_type)
    }
    if "emoticon" in arguments(request_type):
        given["emoticon"] = "👋"
    request = request_type(**given)
    answer = ann(request)
    assert answer.SUBCLASS_OF_ID == request.SUBCLASS_OF_ID
    assert bytes(answer)
    with refused("BOT_METHOD_INVALID"):
        bot(request)


def test_there_is_no_set_of_stickers_and_the_terms_of_service_stay(ann: Client) -> None:
    with refused("STICKERSET_INVALID", 406):
        ann(messages.GetStickerSetRequest(types.InputStickerSetDice("🎲"), 0))
    assert isinstance(ann(help.GetTermsOfServiceUpdateRequest()), types.help.TermsOfServiceUpdateEmpty)


def test_the_configuration_is_that_of_servers_whose_key_apps_have(ann: Client) -> None:
    assert ann(help.GetConfigRequest()).test_mode is False


def test_a_login_is_taken_along_to_each_data_centre_that_telegram_has(ann: Client) -> None:
    for dc_id in (1, 3, 4, 5):
        assert ann(auth.ExportAuthorizationRequest(dc_id)).bytes
    for dc_id in (0, 2, 6):
        with refused("DC_ID_INVALID"):
            ann(auth.ExportAuthorizationRequest(dc_id))
