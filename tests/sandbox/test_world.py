"""The world without a server: logs, injected updates, views, copies."""

from __future__ import annotations

import pickle
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telethon.extensions import BinaryReader
from telethon.tl import types

from tgbot.sandbox import logs
from tgbot.sandbox.accounts import Account
from tgbot.sandbox.dialogs import Copy
from tgbot.sandbox.entities import found, trimmed, units
from tgbot.sandbox.files import Files
from tgbot.sandbox.logs import Entry, Log
from tgbot.sandbox.rpc import Later, RpcError
from tgbot.sandbox.world import World


@pytest.fixture
def world() -> World:
    return World(seed=1, now=lambda: 1_700_000_000.0)


@pytest.fixture
def ann(world: World) -> Account:
    return world.new_user("Ann", "Lee", username="ann_lee")


@pytest.fixture
def bot(world: World) -> Account:
    return world.accounts[world.new_bot("the_bot").id]


def everything(world: World, account: Account) -> Any:
    return world.render(account.id, world.entries(account.id, 1, 1))


# -- logs


def test_what_has_a_qts_is_in_its_place_among_what_has_a_pts(
    world: World, ann: Account, bot: Account
) -> None:
    world.send_as(ann.id, bot.id, "one")
    world.block(ann.id, bot.id)
    world.block(ann.id, bot.id, blocked=False)
    world.send_as(ann.id, bot.id, "two")
    kinds = [type(update).__name__ for update in everything(world, bot).updates]
    assert kinds == ["UpdateNewMessage", "UpdateBotStopped", "UpdateBotStopped", "UpdateNewMessage"]
    assert [entry.qts for entry in world.entries(bot.id, 2, 2)] == [3, None]
    assert world.entries(bot.id, 3, 3) == []


OPERATIONS = st.lists(st.sampled_from(["send", "answer", "edit", "delete", "block", "odd"]), max_size=40)


@given(OPERATIONS, st.integers(1, 7))
@settings(max_examples=60)
def test_a_log_has_no_gaps_and_slices_of_any_size_make_up_all_of_it(
    operations: list[str], limit: int
) -> None:
    world = World(seed=1)
    ann, bot = world.new_user("Ann"), world.accounts[world.new_bot().id]
    first = world.send_as(ann.id, bot.id, "first")
    for operation in operations:
        newest = next((copy for copy in reversed(list(ann.box)) if not copy.deleted), None)
        if operation == "send":
            world.send_as(ann.id, bot.id, "hi")
        elif operation == "answer":
            world.send_as(bot.id, ann.id, "hello")
        elif operation == "edit" and newest is not None:
            world.posts.edited(newest)
        elif operation == "delete":
            world.posts.delete(list(ann.box)[-3:], revoke=True)
        elif operation == "block":
            world.block(ann.id, bot.id, blocked=bot.id not in ann.blocked)
        elif operation == "odd":
            world.push_update(bot.id, types.UpdatePinnedMessages(types.PeerUser(ann.id), [1], 0, 2))
    assert first.id == 1
    for account in (ann, bot):
        entries = world.entries(account.id, 1, 1)
        pts = [entry for entry in entries if entry.pts is not None]
        assert [entry.pts - entry.pts_count for entry in pts if entry.pts] == [1] + [
            entry.pts for entry in pts[:-1]
        ]
        assert [entry.qts for entry in entries if entry.qts] == list(range(2, account.log.qts + 1))
        slices, at_pts, at_qts = [], 1, 1
        while part := world.entries(account.id, at_pts, at_qts, limit):
            slices += part
            at_pts = max([at_pts, *(entry.pts for entry in part if entry.pts)])
            at_qts = max([at_qts, *(entry.qts for entry in part if entry.qts)])
        assert slices == entries


def test_the_newest_entries_of_a_long_log_are_found_without_a_scan(
    ann: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log()
    for _ in range(10_000):
        log.add(types.UpdateDeleteMessages([], 0, 0))
    seen: list[Entry] = []

    def pts_of(entry: Entry) -> int:
        seen.append(entry)
        return entry.pts or 0

    monkeypatch.setattr(logs, "_pts", pts_of)
    assert len(log.above(log.pts - 3, 1, 100)) == 3
    assert len(log.above(5, 1, 2)) == 2
    assert 0 < len(seen) < 40


def test_subscribers_are_told_of_each_account_until_they_end_it(
    world: World, ann: Account, bot: Account
) -> None:
    told: list[int] = []
    passed: list[Any] = []
    end = world.subscribe(told.append, lambda account, entry: passed.append((account, entry.update)))
    world.send_as(ann.id, bot.id, "hi")
    assert sorted(told) == sorted([ann.id, bot.id])
    world.push_update(bot.id, types.UpdateConfig())
    assert passed == [(bot.id, types.UpdateConfig())]
    end()
    world.send_as(ann.id, bot.id, "hi")
    assert len(told) == 2


# -- injected updates

MEDIA = [
    types.MessageMediaUnsupported(),
    types.MessageMediaContact("+1", "Max", "", "", 5),
    types.MessageMediaPhoto(),
    types.MessageMediaDocument(
        document=types.Document(
            1,
            2,
            b"",
            0,
            "image/webp",
            3,
            2,
            [types.DocumentAttributeSticker("👍", types.InputStickerSetEmpty())],
        )
    ),
    types.MessageMediaDice(3, "🎲"),
    types.MessageMediaGeo(types.GeoPointEmpty()),
]


@pytest.mark.parametrize("media", MEDIA, ids=lambda media: type(media).__name__)
def test_media_of_any_kind_arrive_as_they_were_put_in(
    world: World, ann: Account, bot: Account, media: Any
) -> None:
    world.send_as(ann.id, bot.id, media=media, grouped_id=7)
    arrived = BinaryReader(bytes(everything(world, bot))).tgread_object()
    message = arrived.updates[0].message
    assert (bytes(message.media), message.grouped_id, message.message) == (bytes(media), 7, "")


def test_service_messages_and_empty_texts_arrive(world: World, ann: Account, bot: Account) -> None:
    world.send_as(ann.id, bot.id, action=types.MessageActionContactSignUp())
    world.send_as(ann.id, bot.id, "")
    messages = [update.message for update in everything(world, bot).updates]
    assert [type(message).__name__ for message in messages] == ["MessageService", "Message"]


def test_everybody_named_comes_along(world: World, ann: Account, bot: Account) -> None:
    ben, eve, zoe = (world.new_user(name) for name in ("Ben", "Eve", "Zoe"))
    channel = world.new_channel("News", "the_news")
    header = types.MessageFwdHeader(5, from_id=types.PeerChannel(channel.id))
    contact = types.MessageMediaContact("+1", "Eve", "", "", eve.id)
    mention = types.MessageEntityMentionName(0, 2, ben.id)
    world.send_as(ann.id, bot.id, "hi", fwd_from=header, media=contact, entities=[mention], via_bot_id=zoe.id)
    rendered = everything(world, bot)
    assert {ann.id, ben.id, eve.id} <= {user.id for user in rendered.users}
    assert [chat.title for chat in rendered.chats] == ["News"]


# -- views


def test_a_min_user_has_a_hash_that_opens_nothing(world: World, ann: Account, bot: Account) -> None:
    world.send_as(ann.id, bot.id, "hi")
    world.view.shown_min.add(ann.id)
    [shown] = [user for user in everything(world, bot).users if user.id == ann.id]
    assert shown.min
    assert shown.access_hash != world.accounts.access_hash(bot.id, ann.id)
    assert (shown.first_name, shown.username) == ("Ann", None)
    world.view.shown_min.clear()
    world.view.left_out.add(ann.id)
    assert ann.id not in [user.id for user in everything(world, bot).users]


def test_access_hashes_differ_by_viewer_and_are_64_bit(world: World) -> None:
    hashes = {world.accounts.access_hash(viewer, 5) for viewer in range(1000)}
    assert len(hashes) == 1000
    assert min(hashes) < 0 < max(hashes)
    assert max(abs(value) for value in hashes) > 1 << 60
    assert World(seed=2).accounts.access_hash(1, 5) not in hashes


def test_a_phone_is_shown_to_oneself_and_to_contacts(world: World, ann: Account) -> None:
    ben = world.new_user("Ben")
    assert world.view.user(ann, ann).phone == ann.phone
    assert world.view.user(ann, ben).phone is None
    ann.contacts |= {ben.id}
    assert world.view.user(ann, ben).phone == ben.phone


def test_a_new_name_is_told_to_those_who_talk_with_its_owner(
    world: World, ann: Account, bot: Account
) -> None:
    passed: list[tuple[int, Any]] = []
    world.subscribe(lambda _: None, lambda account, entry: passed.append((account, entry.update)))
    world.send_as(ann.id, bot.id, "hi")
    world.set_usernames(ann.id, "ann_new")
    assert [(account, update.usernames[0].username) for account, update in passed] == [
        (ann.id, "ann_new"),
        (bot.id, "ann_new"),
    ]
    world.profiles.announced = False
    world.set_name(ann.id, "Anna")
    assert [account for account, _ in passed[2:]] == [ann.id]


def test_secrets_are_in_no_repr(world: World, ann: Account) -> None:
    made = world.new_bot("quiet_bot")
    account = world.accounts[made.id]
    assert made.token not in repr(made) + repr(account)
    assert str(ann.phone) not in repr(ann)


def test_a_username_belongs_to_one(world: World, ann: Account) -> None:
    with pytest.raises(ValueError, match="taken"):
        world.new_bot("ann_lee")
    with pytest.raises(ValueError, match="taken"):
        world.new_channel("News", "Ann_Lee")
    world.delete_account(ann.id)
    assert world.new_bot("ann_lee").username == "ann_lee"


# -- copies


def test_a_pickled_world_goes_on_where_it_stopped(world: World, ann: Account, bot: Account) -> None:
    seen: list[int] = []
    world.subscribe(seen.append)
    sent = world.send_as(ann.id, bot.id, "before")
    assert isinstance(sent, Copy)
    again: World = pickle.loads(pickle.dumps(world))
    assert again.state(bot.id)[:2] == world.state(bot.id)[:2]
    assert again.accounts.access_hash(bot.id, ann.id) == world.accounts.access_hash(bot.id, ann.id)
    count = len(seen)
    again.send_as(ann.id, bot.id, "after")
    assert len(seen) == count
    texts = [update.message.message for update in everything(again, again.accounts[bot.id]).updates]
    assert texts == ["before", "after"]
    assert again.now() > 1_700_000_000


def test_uploads_are_bounded() -> None:
    files = Files()
    photo = types.PhotoEmpty(1)
    photo.access_hash = 5
    files.save_part(1, 1, 0, b"first")
    files.store(photo, files.finish(1, 1, 1))
    assert files.get(1, 5, files.reference, "GONE").content == b"first"
    for number in range(140):
        files.save_part(1, 2, number, b"x" * 512 * 1024)
    with pytest.raises(RpcError, match="GONE"):
        files.get(1, 5, files.reference, "GONE")
    files.save_part(1, 3, 0, b"x")
    with pytest.raises(RpcError, match="FILE_PART_1_MISSING"):
        files.finish(1, 3, 2)


def test_an_answer_to_come_is_given_once() -> None:
    later, answers = Later(5.0), list[object]()
    later.then(answers.append)
    later.answer(1)
    later.answer(2)
    later.expire()
    later.then(answers.append)
    assert answers == [1, 1]


# -- texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/start", [("BotCommand", "/start")]),
        ("/start@the_bot x", [("BotCommand", "/start@the_bot")]),
        ("a/b http://x.org/start", [("Url", "http://x.org/start")]),
        ("😀 /go", [("BotCommand", "/go")]),
        ("@ann_lee and #tag", [("Mention", "@ann_lee"), ("Hashtag", "#tag")]),
        ("mail me@example.org", [("Email", "me@example.org")]),
        ("see example.org", [("Url", "example.org")]),
        ("//x /", []),
    ],
)
def test_the_server_finds_commands_and_links(text: str, expected: list[tuple[str, str]]) -> None:
    raw = text.encode("utf-16-le")
    result = [
        (
            type(entity).__name__.removeprefix("MessageEntity"),
            raw[entity.offset * 2 : (entity.offset + entity.length) * 2].decode("utf-16-le"),
        )
        for entity in found(text, [], commands=True)
    ]
    assert result == expected


def test_commands_are_not_found_inside_code_nor_between_people() -> None:
    code = types.MessageEntityCode(0, 6)
    assert found("/start", [code], commands=True) == [code]
    assert found("/start", [], commands=False) == []


@given(st.text(max_size=60), st.integers(-5, 70), st.integers(-5, 70))
def test_entities_stay_within_the_text(text: str, offset: int, length: int) -> None:
    stripped, kept = trimmed(text, [types.MessageEntityBold(offset, length)])
    for entity in found(stripped, kept, commands=True):
        assert 0 <= entity.offset < entity.offset + entity.length <= units(stripped)


@pytest.mark.parametrize("part", ["a.", "-", "@a", "/", "😀@", "http://"])
def test_the_time_of_a_search_grows_no_faster_than_the_text(part: str) -> None:
    def cost(times: int) -> float:
        """Return the least CPU time of five searches."""
        text, costs = part * times, []
        for _ in range(5):
            before = time.process_time()
            found(text, [], commands=True)
            costs.append(time.process_time() - before)
        return min(costs)

    # A search in quadratic time costs 256 times as much in a text of 16 times the length.
    assert cost(16_000) < 64 * cost(1_000)
