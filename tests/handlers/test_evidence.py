"""What Telegram says about access becomes evidence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from telethon.tl import types

from tests.handlers.conftest import Desk
from tests.telegram.conftest import until
from tgbot.core.access import Access, Kind
from tgbot.core.addresses import parse
from tgbot.handlers.evidence import Permission, permission_detail
from tgbot.messaging.broadcast.buttons import markup
from tgbot.messaging.broadcast.drafts import text_content
from tgbot.messaging.resolve import profile_of
from tgbot.sandbox.short import ShortUpdates


@pytest.fixture
async def desk(desk: Desk) -> Desk:
    await desk.open()
    return desk


def now(desk: Desk) -> int:
    return int(desk.parts.clock())


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


async def test_a_private_message_is_evidence_at_the_servers_time(desk: Desk) -> None:
    for text, kind in (
        ("/start", Kind.START),
        ("/start abc", Kind.START),
        ("hi", Kind.MESSAGE),
        ("", Kind.MESSAGE),
    ):
        anna = desk.meet()
        await desk.says(anna, text, date=now(desk) - 60)
        verdict = desk.known(anna).verdict(now(desk))
        assert verdict.access is Access.REACHABLE
        assert verdict.since is not None
        assert now(desk) - 65 <= verdict.since <= now(desk) - 60
        assert verdict.evidence is not None
        assert verdict.evidence.kind is kind
        assert "message" in desk.known(anna).known_by


@pytest.mark.parametrize("forms", [ShortUpdates.OFF, ShortUpdates.ALL])
async def test_payloads_are_kept_the_first_and_the_last(desk: Desk, forms: ShortUpdates) -> None:
    desk.world.short_updates = forms
    anna = desk.meet()
    for text in ("/start promo-1", "/start", "/start ref_2"):
        await desk.says(anna, text)
    assert (desk.known(anna).first_payload, desk.known(anna).last_payload) == ("promo-1", "ref_2")


async def test_a_click_on_a_broadcast_s_button_is_counted_once_and_its_own_payload_is_kept(
    desk: Desk,
) -> None:
    anna, boris = desk.meet(), desk.meet()
    await desk.says(anna, "hi")
    broadcasts = desk.parts.broadcasts
    button = ("Order", "start:autumn")
    sent = await broadcasts.start((await broadcasts.create({"": text_content("News")}, buttons=[button])).id)
    shown = markup(sent, "the_bot", desk.parts.payload_key)
    assert shown is not None
    link = parse(shown.rows[0].buttons[0].type.url)
    for person in (anna, anna, boris):
        await desk.says(person, f"/start {link.start}")
        assert desk.known(person).last_payload == "autumn"
    assert broadcasts.status(sent.id)["clicks"] == [1]  # Boris is no recipient


async def test_a_message_without_its_user_is_evidence_all_the_same(desk: Desk) -> None:
    anna = desk.meet()
    desk.world.view.left_out.add(anna)
    await desk.says(anna, "hi")
    assert desk.known(anna).verdict(now(desk)).access is Access.REACHABLE


async def test_a_message_without_a_date_was_sent_now_and_an_empty_one_never(desk: Desk) -> None:
    anna, bert = desk.meet(), desk.meet("Bert")
    empty = types.MessageEmpty(1, types.PeerUser(bert))
    desk.world.push_update(desk.bot_id, types.UpdateNewMessage(empty, 0, 1))
    message = types.Message(id=2, peer_id=types.PeerUser(anna), message="hi", date=at(0))
    await desk.push(types.UpdateNewMessage(message, 0, 1), lambda: desk.users.last_finished(anna) == 2)
    since = desk.known(anna).verdict(now(desk)).since
    assert since is not None
    assert since > 1_700_000_000
    await until(lambda: desk.users.last_finished(bert) == 1)
    assert not desk.known(bert).evidence


async def test_an_own_message_is_no_evidence(desk: Desk) -> None:
    anna, bert = desk.meet(), desk.meet("Bert")
    message = types.Message(id=1, peer_id=types.PeerUser(anna), message="hi", date=at(now(desk)), out=True)
    desk.world.push_update(desk.bot_id, types.UpdateNewMessage(message, 0, 1))
    await desk.says(bert, "hi")
    await until(lambda: desk.users.get(bert))
    user = desk.users.get(anna)
    assert user is None or not user.evidence


@pytest.mark.parametrize("channel", [False, True])
async def test_a_user_met_in_a_group_is_known_by_that_and_not_reachable(desk: Desk, channel: bool) -> None:
    anna = desk.meet()
    await desk.says(anna, "hi")
    profile = desk.world.accounts[desk.bot_id].profile
    assert profile is not None
    profile.sees_all = True
    bert = desk.meet("Bert")
    if channel:
        group = desk.world.new_channel("Go", megagroup=True, creator=bert)
        desk.world.groups.add(group, desk.world.accounts[desk.bot_id], by=bert)
    else:
        group = desk.world.new_group("Chess", bert, desk.bot_id)
    desk.world.send_as(bert, group.marked, "hi")
    await until(lambda: (user := desk.users.get(bert)) is not None and "group" in user.known_by)
    user = desk.known(bert)
    assert "message" not in user.known_by
    assert user.verdict(now(desk)).access is Access.UNKNOWN


async def test_a_block_and_an_unblock_of_one_second_are_told_apart_by_qts(desk: Desk) -> None:
    anna = desk.meet()
    await desk.says(anna, "/start", date=now(desk) - 10)
    desk.world.block(anna, desk.bot_id)
    desk.world.block(anna, desk.bot_id, blocked=False)
    await until(lambda: desk.known(anna).last_evidence(Kind.BOT_UNBLOCKED))
    assert desk.known(anna).verdict(now(desk)).access is Access.REACHABLE
    desk.world.block(anna, desk.bot_id)
    await until(lambda: desk.known(anna).verdict(now(desk)).access is Access.BLOCKED)


async def test_a_join_request_lets_the_bot_write_for_five_minutes(desk: Desk) -> None:
    bert, asked_at = desk.meet("Bert"), now(desk)
    asked = types.UpdateBotChatInviteRequester(
        peer=types.PeerChannel(6), date=at(asked_at), user_id=bert, about="", invite=None, qts=0
    )
    asked.invite = types.ChatInvitePublicJoinRequests()
    await desk.push(asked, lambda: (user := desk.users.get(bert)) is not None and user.evidence)
    verdict = desk.known(bert).verdict(asked_at + 299)
    assert (verdict.access, verdict.until) == (Access.REACHABLE, asked_at + 300)
    assert desk.known(bert).verdict(asked_at + 301).access is Access.NOT_ALLOWED


@pytest.mark.parametrize(
    ("fields", "permission", "detail"),
    [
        ({"domain": "example.com"}, Permission.DOMAIN, "example.com"),
        ({"domain": "example.com", "from_request": True}, Permission.DOMAIN, "example.com"),
        ({"from_request": True}, Permission.REQUEST, "request"),
        ({"attach_menu": True}, Permission.ATTACH, "attach"),
        ({"app": types.BotAppNotModified()}, Permission.APP, "app"),
        ({}, Permission.UNSAID, ""),
    ],
)
def test_every_reason_of_write_access_is_stored_so_that_it_is_understood_again(
    fields: dict[str, Any], permission: Permission, detail: str
) -> None:
    action = types.MessageActionBotAllowed(**fields)
    assert permission_detail(action) == detail
    assert Permission.of(detail) is permission


async def test_any_other_service_message_says_nothing_about_access(desk: Desk) -> None:
    anna = desk.meet()
    await desk.says(anna, action=types.MessageActionContactSignUp())
    assert not desk.known(anna).evidence


def test_a_profile_holds_the_usernames_that_are_active_and_the_flags() -> None:
    names = [types.Username("b", active=True), types.Username("old"), types.Username("a", active=True)]
    user = types.User(
        id=7, first_name="A", last_name="B", usernames=names, lang_code="ru", premium=True, access_hash=1
    )
    assert profile_of(user) == (7, "A", "B", ("b", "a"), "ru", True, False, False)
    bare = types.User(id=5, username="one", bot=True, deleted=True)
    assert profile_of(bare) == (5, "", "", ("one",), None, False, True, True)


async def test_a_change_of_name_or_username_is_noticed_with_the_next_message(desk: Desk) -> None:
    anna = desk.meet(username="anna")
    await desk.says(anna, "/start")
    desk.world.profiles.announced = False
    desk.world.set_name(anna, "Anne")
    desk.world.set_usernames(anna, "anne")
    await desk.says(anna, "hi")
    assert desk.known(anna).first_name == "Anne"
    assert {(change.field, change.old) for change in desk.known(anna).history} == {
        ("first_name", "Anna"),
        ("usernames", "anna"),
    }


async def test_a_new_name_in_an_update_is_noted(desk: Desk) -> None:
    anna, bert = desk.meet(username="anna"), desk.meet("Bert")
    desk.language(anna, "de")
    await desk.says(anna, "/start")
    names = [types.Username("anne", active=True), types.Username("spare")]
    desk.world.view.left_out.add(bert)
    desk.world.push_update(desk.bot_id, types.UpdateUserName(bert, "Bert", "", []))
    await desk.push(
        types.UpdateUserName(anna, "Anne", "S", names), lambda: desk.known(anna).first_name == "Anne"
    )
    user = desk.known(anna)
    assert (user.last_name, user.usernames, user.language) == ("S", ("anne",), "de")
    assert {change.field for change in user.history} == {"first_name", "last_name", "usernames"}
    assert desk.users.get(bert) is None


async def test_the_bot_itself_is_no_user(desk: Desk) -> None:
    anna = desk.meet()
    await desk.says(anna, "/start")
    assert desk.users.get(desk.bot_id) is None
    assert desk.users.count().total == 1
