"""Login and logout, and who may call which method."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import types
from telethon.tl.functions import (
    InvokeWithApnsSecretRequest,
    InvokeWithBusinessConnectionRequest,
    InvokeWithGooglePlayIntegrityRequest,
    InvokeWithLayerRequest,
    InvokeWithoutUpdatesRequest,
    InvokeWithReCaptchaRequest,
    InvokeWithTakeoutRequest,
    account,
    auth,
    contacts,
    help,
    messages,
    updates,
    users,
)

from tests.sandbox.methods.direct import Client, refused
from tgbot.sandbox.methods import METHODS, Caller, Login, RpcError, invoke
from tgbot.sandbox.methods.calls import Open
from tgbot.sandbox.world import World


def test_a_phone_number_signs_up_with_the_dcs_digit_five_times(world: World) -> None:
    client, phone = Client(world), world.new_phone()
    assert phone.startswith("999662")
    assert len(phone) == 10
    sent = client(auth.SendCodeRequest("+" + phone, 1, "hash", types.CodeSettings()))
    assert sent.type.length == 5
    with refused("PHONE_CODE_EMPTY"):
        client(auth.SignInRequest(phone, sent.phone_code_hash, ""))
    with refused("PHONE_CODE_INVALID"):
        client(auth.SignInRequest(phone, sent.phone_code_hash, "11111"))
    with refused("PHONE_CODE_EXPIRED"):
        client(auth.SignInRequest(phone, "other", "22222"))
    with refused("PHONE_CODE_INVALID"):
        client(auth.SignUpRequest(phone, sent.phone_code_hash, "Ann", ""))
    answer = client(auth.SignInRequest(phone, sent.phone_code_hash, "22222"))
    assert isinstance(answer, types.auth.AuthorizationSignUpRequired)
    with refused("AUTH_KEY_UNREGISTERED", 401):
        client(updates.GetStateRequest())
    with refused("FIRSTNAME_INVALID"):
        client(auth.SignUpRequest(phone, sent.phone_code_hash, " ", ""))
    user = client(auth.SignUpRequest(phone, sent.phone_code_hash, "Ann", "Lee")).user
    assert (user.is_self, user.first_name, user.last_name, user.phone) == (True, "Ann", "Lee", phone)
    again = Client(world)
    sent = again(auth.SendCodeRequest(phone, 1, "hash", types.CodeSettings()))
    assert again(auth.SignInRequest(phone, sent.phone_code_hash, "22222")).user.id == user.id


@pytest.mark.parametrize("phone", ["", "123", "9996610000", "99966200000", "99966x0000", "4915112345678"])
def test_other_phone_numbers_are_invalid(world: World, phone: str) -> None:
    with refused("PHONE_NUMBER_INVALID"):
        Client(world)(auth.SendCodeRequest(phone, 1, "hash", types.CodeSettings()))


def test_any_well_formed_token_is_a_bot(world: World) -> None:
    client = Client(world)
    token = "4242:" + "a" * 33 + "_-"
    user = client(auth.ImportBotAuthorizationRequest(0, 1, "hash", token)).user
    assert (user.id, user.bot, user.username) == (4242, True, "bot4242_bot")
    for wrong in ("4242:" + "b" * 35, "4242:short", "nothing", "", "0:" + "a" * 35):
        with refused("ACCESS_TOKEN_INVALID"):
            Client(world)(auth.ImportBotAuthorizationRequest(0, 1, "hash", wrong))


def test_a_revoked_token_is_expired_and_its_logins_end(world: World, bot: Client) -> None:
    old = world.accounts[bot.id].token
    new = world.revoke_token(bot.id)
    with refused("SESSION_REVOKED", 401):
        bot(updates.GetStateRequest())
    with refused("ACCESS_TOKEN_EXPIRED"):
        bot(auth.ImportBotAuthorizationRequest(0, 1, "hash", old))
    assert bot(auth.ImportBotAuthorizationRequest(0, 1, "hash", new)).user.id == bot.id


def test_a_deleted_or_banned_account_is_told_so(
    world: World, ann: Client, bot: Client, new_person: Any
) -> None:
    world.delete_account(ann.id)
    with refused("USER_DEACTIVATED", 401):
        ann(updates.GetStateRequest())
    world.delete_account(bot.id, banned=True)
    with refused("USER_DEACTIVATED_BAN", 401):
        bot(updates.GetStateRequest())
    ben = new_person("Ben")
    number = ben.id
    ben(account.DeleteAccountRequest("no reason"))
    assert world.accounts[number].deleted
    with refused("AUTH_KEY_UNREGISTERED", 401):
        ben(updates.GetStateRequest())


def test_nothing_works_after_logging_out(ann: Client) -> None:
    assert ann.caller.updates
    ann(auth.LogOutRequest())
    assert not ann.caller.updates
    with refused("AUTH_KEY_UNREGISTERED", 401):
        ann(users.GetUsersRequest([types.InputUserSelf()]))


def test_the_layer_comes_first(world: World) -> None:
    caller = Caller(Login())
    with refused("CONNECTION_NOT_INITED"):
        invoke(world, caller, help.GetNearestDcRequest())
    invoke(world, caller, InvokeWithLayerRequest(198, help.GetNearestDcRequest()))
    assert caller.login.layer == 198
    assert invoke(world, caller, help.GetNearestDcRequest()).this_dc == 2  # type: ignore[attr-defined]  # TL


def test_a_session_without_updates_stays_so_until_it_asks_for_them(world: World, ann: Client) -> None:
    other = Caller(ann.caller.login)
    invoke(world, other, InvokeWithoutUpdatesRequest(updates.GetStateRequest()))
    assert not other.updates
    invoke(world, other, updates.GetStateRequest())
    assert other.updates


def test_every_method_keeps_the_others_out(ann: Client, bot: Client) -> None:
    """Methods for users only, or for bots only, refuse others before they check anything else."""
    methods: dict[Any, Any] = dict(METHODS)
    for request, method in methods.items():
        if method.open is Open.USERS:
            with refused("BOT_METHOD_INVALID"):
                bot(request.__new__(request))
        elif method.open is Open.BOTS:
            with refused("USER_BOT_REQUIRED"):
                ann(request.__new__(request))


def test_methods_closed_to_bots_are(bot: Client) -> None:
    closed = (messages.GetHistoryRequest, messages.GetDialogsRequest, contacts.BlockRequest)
    assert all(METHODS[request].open is Open.USERS for request in (*closed, account.UpdateUsernameRequest))


def test_an_unknown_method_is_refused_and_logged_once(ann: Client, caplog: pytest.LogCaptureFixture) -> None:
    request = account.GetThemesRequest("android", 0)
    for _ in range(2):
        with pytest.raises(RpcError, match=r"^INPUT_METHOD_INVALID_\d+_0 "):
            ann(request)
    assert [record.getMessage() for record in caplog.records] == [
        "the sandbox does not have the method GetThemesRequest"
    ]


def test_the_config_leads_back_here(world: World, ann: Client) -> None:
    world.address = ("127.0.0.1", 4321)
    [option] = ann(help.GetConfigRequest()).dc_options
    assert (option.id, option.ip_address, option.port) == (2, "127.0.0.1", 4321)


def test_proofs_of_telegrams_own_apps_change_nothing(ann: Client) -> None:
    state = updates.GetStateRequest()
    for wrapped in (
        InvokeWithReCaptchaRequest("token", state),
        InvokeWithGooglePlayIntegrityRequest("nonce", "token", state),
        InvokeWithApnsSecretRequest("nonce", "secret", state),
    ):
        assert isinstance(ann(wrapped), types.updates.State)


def test_business_connections_and_takeouts_that_nobody_has_are_invalid(ann: Client) -> None:
    state = updates.GetStateRequest()
    with refused("BUSINESS_CONNECTION_INVALID"):
        ann(InvokeWithBusinessConnectionRequest("connection", state))
    with refused("TAKEOUT_INVALID"):
        ann(InvokeWithTakeoutRequest(5, state))
