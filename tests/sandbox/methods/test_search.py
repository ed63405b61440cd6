"""Searches: by words, kinds, dates, senders, in one dialog and in all; and the list of dialogs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from telethon.tl import TLObject, types
from telethon.tl.functions import messages

from tests.sandbox.methods.direct import Client, Clock, refused
from tgbot.sandbox.world import World

EMPTY = types.InputMessagesFilterEmpty()


def search(client: Client, peer: Any, q: str = "", kind: TLObject = EMPTY, **options: Any) -> Any:
    given = {"min_date": None, "max_date": None, "offset_id": 0, "add_offset": 0, "limit": 100}
    given |= {"max_id": 0, "min_id": 0, "hash": 0} | options
    return client(messages.SearchRequest(peer, q, kind, **given))


def texts(answer: Any) -> list[str]:
    return [message.message for message in answer.messages]


def everywhere(client: Client, q: str = "", kind: TLObject = EMPTY, **options: Any) -> Any:
    given = {"min_date": None, "max_date": None, "offset_rate": 0, "offset_id": 0, "limit": 100}
    given |= {"offset_peer": types.InputPeerEmpty()} | options
    return client(messages.SearchGlobalRequest(q, kind, **given))


def document(*attributes: TLObject) -> TLObject:
    return types.MessageMediaDocument(document=types.Document(1, 2, b"", 3, "x/y", 4, 2, list(attributes)))


VIDEO = document(types.DocumentAttributeVideo(1.0, 2, 3))
ROUND = document(types.DocumentAttributeVideo(1.0, 2, 3, round_message=True))
GIF = document(types.DocumentAttributeVideo(1.0, 2, 3), types.DocumentAttributeAnimated())
VOICE = document(types.DocumentAttributeAudio(5, voice=True))
MUSIC = document(types.DocumentAttributeAudio(5, title="Waltz"))
FILE = document(types.DocumentAttributeFilename("report.pdf"))
PHOTO = types.MessageMediaPhoto(photo=types.Photo(1, 2, b"", 3, [], 2))
CONTACT = types.MessageMediaContact("1", "Max", "", "", 0)
PLACE = types.MessageMediaGeo(types.GeoPoint(1.0, 2.0, 3))
KINDS = {
    "video": VIDEO, "round": ROUND, "gif": GIF, "voice": VOICE, "music": MUSIC, "file": FILE, "photo": PHOTO,
    "contact": CONTACT, "place": PLACE,
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (types.InputMessagesFilterPhotos(), "photo"),
        (types.InputMessagesFilterVideo(), "video"),
        (types.InputMessagesFilterPhotoVideo(), "photo video"),
        (types.InputMessagesFilterDocument(), "file"),
        (types.InputMessagesFilterGif(), "gif"),
        (types.InputMessagesFilterVoice(), "voice"),
        (types.InputMessagesFilterMusic(), "music"),
        (types.InputMessagesFilterRoundVideo(), "round"),
        (types.InputMessagesFilterRoundVoice(), "voice round"),
        (types.InputMessagesFilterContacts(), "contact"),
        (types.InputMessagesFilterGeo(), "place"),
        (types.InputMessagesFilterUrl(), "see https://example.org"),
        (types.InputMessagesFilterPinned(), "gif"),
        (types.InputMessagesFilterPoll(), ""),
        (types.InputMessagesFilterChatPhotos(), ""),
        (types.InputMessagesFilterPhoneCalls(), ""),
        (types.InputMessagesFilterMyMentions(), "hi @ann_here"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, TLObject) else "",
)
def test_each_filter_finds_its_kind_and_counts_it(
    world: World, ann: Client, bot: Client, kind: TLObject, names: str
) -> None:
    world.set_usernames(ann.id, "ann_here")
    for name, media in KINDS.items():
        world.send_as(ann.id, bot.id, name, media=media)
    ann.send(bot, "see https://example.org")
    bot.send(ann, "hi @ann_here")
    ann(messages.UpdatePinnedMessageRequest(ann.peer(bot), 3, pm_oneside=True))
    found = texts(search(ann, ann.peer(bot), kind=kind))
    whole = names in ("see https://example.org", "hi @ann_here")
    assert sorted(found) == sorted([names] if whole else names.split())
    [counter] = ann(messages.GetSearchCountersRequest(ann.peer(bot), [kind]))
    assert (counter.filter, counter.count) == (kind, len(found))


def test_words_are_found_by_their_beginnings_also_in_names_of_files(
    world: World, ann: Client, bot: Client
) -> None:
    ann.send(bot, "Hello, Wörld of bots")
    world.send_as(ann.id, bot.id, "", media=FILE)
    peer = ann.peer(bot)
    assert len(search(ann, peer, "hel WÖR").messages) == 1
    assert len(search(ann, peer, "ello").messages) == 0
    assert len(search(ann, peer, "repo").messages) == 1
    assert len(search(ann, peer, "bots hello nothing").messages) == 0


def test_a_search_is_limited_by_dates_sender_and_offsets(ann: Client, bot: Client, clock: Clock) -> None:
    ann.send(bot, "word 0")
    for number in range(1, 6):
        clock.time += 10
        sender, to = (ann, bot) if number % 2 else (bot, ann)
        sender.send(to, f"word {number}", random_id=number)
    peer = ann.peer(bot)
    first = search(ann, peer, "word", limit=2)
    assert (texts(first), first.count, first.offset_id_offset) == (["word 5", "word 4"], 6, None)
    rest = search(ann, peer, "word", limit=3, offset_id=first.messages[-1].id)
    assert (texts(rest), rest.offset_id_offset) == (["word 3", "word 2", "word 1"], 2)
    assert texts(search(ann, peer, "word", from_id=ann.peer(bot))) == ["word 4", "word 2"]
    since, until = (datetime.fromtimestamp(1_700_000_000 + each, UTC) for each in (10, 40))
    assert texts(search(ann, peer, "word", min_date=since, max_date=until)) == ["word 3", "word 2"]
    assert texts(search(ann, peer, "word", limit=-1, add_offset=-(2**31), offset_id=-5)) == []


def test_topics_are_searched_one_by_one(world: World, ann: Client) -> None:
    chat = world.new_channel("Forum", megagroup=True, creator=ann.id)
    peer = types.InputPeerChannel(chat.id, world.accounts.access_hash(ann.id, chat.id, kind=b"channel"))
    ann(messages.SendMessageRequest(peer, "in the root"))
    root = chat.box.history(chat.marked)[-1]
    ann(messages.SendMessageRequest(peer, "in a thread", reply_to=types.InputReplyToMessage(root)))
    assert texts(search(ann, peer, "in", top_msg_id=root)) == ["in a thread", "in the root"]
    assert search(ann, peer, "in the", top_msg_id=root + 1).messages == []


def test_a_search_in_all_dialogs_comes_in_pages(
    world: World, ann: Client, bot: Client, clock: Clock, new_person: Any
) -> None:
    bea = new_person("Bea")
    channel = world.new_channel("News", creator=ann.id)
    hidden = world.new_channel("Others", creator=bea.id)
    world.send_as(bea.id, hidden.marked, "word of others")
    for to in (bot.id, bea.id, channel.marked):
        world.send_as(ann.id, to, f"word for {to}")
        clock.time += 10
    first = everywhere(ann, "word", limit=2)
    assert (first.count, texts(first)) == (3, [f"word for {channel.marked}", f"word for {bea.id}"])
    rest = everywhere(
        ann, "word", offset_rate=first.next_rate, offset_peer=ann.peer(bea), offset_id=first.messages[-1].id
    )
    assert texts(rest) == [f"word for {bot.id}"]
    assert texts(everywhere(ann, "word", users_only=True)) == [f"word for {bea.id}", f"word for {bot.id}"]
    assert texts(everywhere(ann, "word", broadcasts_only=True)) == [f"word for {channel.marked}"]
    assert texts(everywhere(ann, "word", groups_only=True)) == []
    assert len(search(ann, types.InputPeerEmpty(), "word").messages) == 2
    with refused("SEARCH_QUERY_EMPTY"):
        everywhere(ann, " ")


def test_dialogs_are_listed_by_their_last_message_channels_too(
    world: World, ann: Client, bot: Client, clock: Clock, new_person: Any
) -> None:
    bea = new_person("Bea")
    ann.send(bot)
    clock.time += 1
    channel = world.new_channel("News", creator=ann.id)
    world.send_as(ann.id, channel.marked, "news")
    clock.time += 1
    ann.send(bea)
    ask = messages.GetDialogsRequest(None, 0, types.InputPeerEmpty(), 2, 0)
    first = ann(ask)
    assert [one.message for one in first.messages] == ["hi", "news"]
    assert (first.count, first.dialogs[1].pts) == (3, channel.log.pts)
    access = world.accounts.access_hash(ann.id, channel.id, kind=b"channel")
    last = types.InputPeerChannel(channel.id, access)
    top = first.dialogs[1].top_message
    rest = ann(messages.GetDialogsRequest(first.messages[1].date, top, last, 2, 0))
    assert [dialog.peer.user_id for dialog in rest.dialogs] == [bot.id]
    by_date = ann(messages.GetDialogsRequest(first.messages[1].date, 0, types.InputPeerEmpty(), -3, 0))
    assert [dialog.peer.user_id for dialog in by_date.dialogs] == [bot.id]
    [one] = ann(messages.GetPeerDialogsRequest([types.InputDialogPeer(last)])).dialogs
    assert one.top_message == top
