"""What is recorded of people and a bot, whoever acts."""

from __future__ import annotations

import pytest
from telethon.tl import types

from tgbot.sandbox.accounts import Account, Bot
from tgbot.sandbox.dialogs import Copy, Post
from tgbot.sandbox.page.recording import MOST, Recorder
from tgbot.sandbox.page.records import (
    Album,
    Blocked,
    Changed,
    Deleted,
    Edited,
    GroupOpened,
    Heard,
    Joined,
    Left,
    LeftOut,
    Media,
    Pressed,
    Process,
    Said,
    Settled,
    Turned,
)
from tgbot.sandbox.pictures import Picture, Size
from tgbot.sandbox.world import World


@pytest.fixture
def acting() -> list[int]:
    """Return whose call is carried out, the last one."""
    return []


@pytest.fixture
def recorder(world: World, bot: Bot, anna: Account, acting: list[int]) -> Recorder:
    recorder = Recorder(world, lambda: acting[-1] if acting else None)
    recorder.open(lambda: frozenset({anna.id}))
    recorder.begin(bot.id)
    return recorder


def answer(world: World, bot: Bot, to: Account, text: str, **fields: object) -> Copy:
    post = Post(bot.id, world.date(), text, **fields)  # type: ignore[arg-type]
    return world.posts.add(world.accounts[bot.id], to.id, post)


def test_messages_edits_deletions_and_blocks_are_recorded_in_order(
    world: World, bot: Bot, anna: Account, recorder: Recorder, acting: list[int]
) -> None:
    first = world.send_as(anna.id, bot.id, "hello")
    said = answer(world, bot, anna, "hello, Anna")
    said.post.text = "hello again"
    world.posts.edited(said)
    first.post.text = "good day"
    world.posts.edited(first)
    world.posts.delete([said], revoke=True)
    acting.append(anna.id)
    world.posts.delete([first], revoke=True)
    world.block(anna.id, bot.id)
    world.block(anna.id, bot.id, blocked=False)
    one, two = (anna.id, 1), (anna.id, 2)
    assert recorder.records == [
        Said(one, "hello"),
        Heard(two, "hello, Anna"),
        Edited(two, "hello again"),
        Changed(one, "good day"),
        Deleted(two, by_bot=True),
        Deleted(one, by_bot=False),
        Blocked(anna.id, True),
        Blocked(anna.id, False),
    ]
    (who,) = recorder.people.values()
    assert (who.name, who.last_name, who.username, who.admin) == ("Anna", "Smith", "anna_s", True)


def test_what_people_send_that_is_no_text_is_told_apart(
    world: World, bot: Bot, anna: Account, recorder: Recorder
) -> None:
    point = types.GeoPoint(long=13.25, lat=52.5, access_hash=0)
    world.send_as(anna.id, bot.id, media=types.MessageMediaGeo(point))
    world.send_as(anna.id, bot.id, media=types.MessageMediaContact(anna.phone, "Anna", "", "", anna.id))
    world.send_as(anna.id, bot.id, media=types.MessageMediaContact("49123", "Doc", "", "", 0))
    world.send_as(anna.id, bot.id, media=types.MessageMediaDice(3, "🎲"))
    world.send_as(anna.id, bot.id, "bold", entities=[types.MessageEntityBold(0, 4)])
    world.send_as(anna.id, bot.id, "/help", entities=[types.MessageEntityBotCommand(0, 5)])
    world.allow(bot.id, anna.id, from_request=True)
    keys = [(anna.id, number) for number in range(1, 8)]
    assert recorder.records == [
        Said(keys[0], "", media=Media.LOCATION, content=(52.5, 13.25)),
        Said(keys[1], "", media=Media.CONTACT, content=("", "Anna")),
        Said(keys[2], "", media=Media.CONTACT, content=("49123", "Doc")),
        LeftOut("Anna sent a dice"),
        Said(keys[4], "bold", entities=(types.MessageEntityBold(0, 4),)),
        Said(keys[5], "/help"),
        LeftOut("a service message of Anna (MessageActionBotAllowed)"),
    ]


def test_an_album_is_one_record(world: World, bot: Bot, anna: Account, recorder: Recorder) -> None:
    for number in range(2):
        world.send_as(anna.id, bot.id, "", grouped_id=7, media=photo_of(world, number))
    world.send_as(anna.id, bot.id, "", grouped_id=8, media=types.MessageMediaPhoto())
    one, other, gone = (
        Said((anna.id, 1), "", media=Media.PHOTO, content=(b"0",)),
        Said((anna.id, 2), "", media=Media.PHOTO, content=(b"1",)),
        Said((anna.id, 3), "", media=Media.PHOTO),
    )
    assert recorder.records == [Album(7, (one, other)), Album(8, (gone,))]


def photo_of(world: World, number: int) -> types.MessageMediaPhoto:
    photo = types.Photo(number + 1, 0, b"", None, [], 2)
    content = str(number).encode()
    world.files.store(photo, picture=Picture((Size("s", 1, 1, b""), Size("x", 9, 9, content)), b""))
    return types.MessageMediaPhoto(photo=photo)


def test_which_message_was_forwarded_is_found(
    world: World, bot: Bot, anna: Account, recorder: Recorder
) -> None:
    boris = world.new_user("Boris")
    first = world.send_as(anna.id, bot.id, "same")
    world.send_as(boris.id, bot.id, "same")
    header = types.MessageFwdHeader(first.post.date, from_id=types.PeerUser(anna.id))
    world.send_as(anna.id, bot.id, "same", fwd_from=header)
    world.send_as(anna.id, bot.id, "same", fwd_from=header)
    world.send_as(anna.id, bot.id, "other", fwd_from=header)
    elsewhere = "that a message was forwarded from elsewhere"
    assert recorder.records[2:] == [
        Said((anna.id, 3), "same", forwarded=1),
        Said((anna.id, 4), "same", forwarded=3),
        Said((anna.id, 5), "other", lacks=(elsewhere,)),
    ]


def test_what_a_test_cannot_say_of_a_message_is_recorded_with_it(
    world: World, bot: Bot, anna: Account, recorder: Recorder
) -> None:
    mention = types.MessageEntityMentionName(0, 4, bot.id)
    world.send_as(anna.id, bot.id, "text", entities=[mention], silent=True)
    voice = types.DocumentAttributeAudio(duration=1, voice=True)
    names = [types.DocumentAttributeFilename("a.txt"), voice]
    document = types.Document(5, 0, b"", None, "audio/ogg", 2, 2, names)
    world.files.store(document, b"ab")
    world.send_as(anna.id, bot.id, media=types.MessageMediaDocument(document=document))
    world.push_update(bot.id, reaction_of(anna))
    one, other, reaction = recorder.records
    assert isinstance(one, Said)
    assert one.lacks == ("a mention without a username", "silent of a message")
    assert other == Said(
        (anna.id, 2),
        "",
        media=Media.FILE,
        content=(b"ab", "a.txt"),
        lacks=("that the type of a file was audio/ogg", "that a file was sent as audio"),
    )
    assert reaction == LeftOut("a reaction")


def test_what_happens_in_a_group_of_the_bot_is_recorded_once(
    world: World, bot: Bot, anna: Account, recorder: Recorder
) -> None:
    boris, carla = world.new_user("Boris"), world.new_user("Carla")
    other = world.new_channel("Without the bot", megagroup=True, creator=anna.id)
    world.groups.add(other, boris, by=anna.id)
    world.send_as(anna.id, other.marked, "not recorded")
    chat = world.new_channel("Friends", megagroup=True, creator=anna.id)
    for number in (bot.id, boris.id):
        world.groups.add(chat, world.accounts[number], by=anna.id)
    asked = world.send_as(boris.id, chat.marked, "/ask")
    answered = world.send_as(bot.id, chat.marked, "Which size?")
    answered.post.text = "Size M"
    world.posts.edited(answered)
    world.groups.add(chat, carla, by=carla.id)
    world.groups.remove(chat, carla, by=carla.id)
    assert recorder.records == [
        GroupOpened(chat.marked, "Friends", (anna.id, boris.id)),
        Said((chat.marked, asked.id), "/ask", who=boris.id),
        Heard((chat.marked, answered.id), "Which size?"),
        Edited((chat.marked, answered.id), "Size M"),
        Joined(carla.id, chat.marked),
        Left(carla.id, chat.marked),
    ]
    assert [*recorder.people] == [anna.id, boris.id, carla.id]


def test_a_press_in_a_group_is_not_taken_for_one_in_a_private_chat(
    world: World, bot: Bot, anna: Account, recorder: Recorder
) -> None:
    chat = world.new_channel("Friends", megagroup=True, creator=anna.id)
    world.groups.add(chat, world.accounts[bot.id], by=anna.id)
    asked = world.send_as(bot.id, chat.marked, "Which size?", reply_markup=keyboard())
    for _ in range(asked.id):
        world.send_as(anna.id, bot.id, "private")
    world.presses.press(anna, asked, b"M", world.now() + 10)
    assert recorder.records[-1] == Pressed((chat.marked, asked.id), "M", b"M", who=anna.id)


def keyboard() -> types.ReplyInlineMarkup:
    button = types.KeyboardInlineButton("M", types.InlineButtonTypeCallback(b"M"))
    return types.ReplyInlineMarkup([types.KeyboardInlineButtonRow([button])])


def test_who_is_renamed_is_recorded_at_once_and_only_if_they_have_done_something(
    world: World, bot: Bot, anna: Account, recorder: Recorder
) -> None:
    world.set_name(anna.id, "Ann", "Smith")
    assert recorder.records == []
    world.send_as(anna.id, bot.id, "hello")
    world.set_name(anna.id, "Alex")
    anna.language = "ru"
    recorder.look()
    turned = [record.now for record in recorder.records if isinstance(record, Turned)]
    assert [(now.name, now.last_name, now.language) for now in turned] == [
        ("Alex", "", ""),
        ("Alex", "", "ru"),
    ]


def test_what_was_before_is_not_recorded_but_named(
    world: World, bot: Bot, anna: Account, recorder: Recorder
) -> None:
    world.send_as(anna.id, bot.id, "before")
    recorder.begin(bot.id)
    assert (recorder.records, recorder.before) == ([], ["Anna Smith"])
    world.send_as(world.new_user("Boris").id, anna.id, "not to the bot")
    assert recorder.records == []


def test_a_snapshot_is_gone_back_to(world: World, bot: Bot, anna: Account, recorder: Recorder) -> None:
    world.send_as(anna.id, bot.id, "one")
    snapshot = recorder.snapshot()
    recorder.did(Process("kill"))
    recorder.back(snapshot)
    assert recorder.records == [Said((anna.id, 1), "one")]
    recorder.settled()
    recorder.settled()
    assert recorder.records[1:] == [Settled()]


def test_a_recording_has_an_end(world: World, bot: Bot, anna: Account, recorder: Recorder) -> None:
    for _ in range(MOST + 5):
        recorder.did(Process("kill"))
    assert len(recorder.records) == MOST


def reaction_of(person: Account) -> types.UpdateBotMessageReaction:
    peer = types.PeerUser(person.id)
    return types.UpdateBotMessageReaction(peer, 1, None, peer, [], [], 0)
