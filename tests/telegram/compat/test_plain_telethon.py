"""What plain Telethon code does with a client does the same with ours, over the wire."""

from __future__ import annotations

import asyncio
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from telethon import Button, errors, events
from telethon.tl import functions, types

from tests.pictures import jpeg
from tests.sandbox.conftest import Person
from tests.telegram.conftest import PATIENCE, Stage, until
from tgbot.telegram import BotClient

SMALL = b"not much " * 300
#: Above ten megabytes Telethon uploads with other requests.
BIG = bytes(range(256)) * 44 * 1024
PICTURE = jpeg()

EVENTS = (
    events.NewMessage(incoming=True),
    events.MessageEdited,
    events.MessageDeleted,
    events.CallbackQuery,
    events.InlineQuery,
    events.ChatAction,
    events.Album,
)


class Seen:
    """The events that a client gets."""

    def __init__(self, client: Any, *builders: Any) -> None:
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        self.raw: list[Any] = []
        for builder in builders:
            client.add_event_handler(self._queue.put, builder)
        client.add_event_handler(self._note, events.Raw)

    async def _note(self, update: Any) -> None:
        self.raw.append(update)

    async def next(self, kind: Any = None) -> Any:
        """Return the next event, of a kind if one is given."""
        async with asyncio.timeout(PATIENCE):
            while True:
                event = await self._queue.get()
                if kind is None or isinstance(event, kind.Event):
                    return event


@pytest.fixture
async def ann(person: Person) -> Any:
    """A person on plain Telethon."""
    return await person("Ann")


@pytest.fixture
async def her(ann: Any) -> int:
    return int((await ann.get_me()).id)


@pytest.fixture
async def at_bot(stage: Stage, ann: Any) -> Seen:
    """What the bot gets, after the person's first message."""
    seen: list[Seen] = []
    await stage.open(lambda client: seen.append(Seen(client, *EVENTS)))
    await ann.send_message("the_bot", "hello")
    assert (await seen[0].next()).raw_text == "hello"
    return seen[0]


@pytest.fixture
def client(stage: Stage, at_bot: Seen) -> BotClient:
    return stage._open[0]


@pytest.fixture
async def at_ann(ann: Any, client: BotClient) -> Seen:
    return Seen(ann, *EVENTS)


# ---- files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [SMALL, BIG], ids=["small", "big"])
async def test_a_file_goes_up_and_down_with_progress(client: BotClient, her: int, content: bytes) -> None:
    up: list[tuple[int, int]] = []
    down: list[tuple[int, int]] = []
    sent = await client.send_file(
        her, BytesIO(content), caption="**a file**", progress_callback=lambda *at: up.append(at)
    )
    assert (sent.raw_text, sent.file.size) == ("a file", len(content))
    assert up[-1] == (len(content), len(content))
    got = await client.download_media(sent, bytes, progress_callback=lambda *at: down.append(at))
    assert got == content
    assert down[-1] == (len(content), len(content))


async def test_a_file_is_saved_and_read_from_disk(client: BotClient, her: int, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(SMALL)
    sent = await client.send_file(her, tmp_path / "a.txt", force_document=True)
    assert sent.file.name == "a.txt"
    assert await sent.download_media(tmp_path / "b.txt") == str(tmp_path / "b.txt")
    assert (tmp_path / "b.txt").read_bytes() == SMALL


async def test_a_file_is_streamed_in_pieces_from_anywhere(client: BotClient, her: int) -> None:
    sent = await client.send_file(her, BIG)
    assert b"".join([bytes(part) async for part in client.iter_download(sent.media)]) == BIG
    pieces = client.iter_download(sent.media, offset=1000, stride=300_000, chunk_size=5000, limit=4)
    found = [bytes(piece) async for piece in pieces]
    assert found == [BIG[at : at + 5000] for at in range(1000, 1_000_000, 300_000)]


async def test_parts_are_fetched_side_by_side(client: BotClient, her: int) -> None:
    document = (await client.send_file(her, BIG)).document
    where = types.InputDocumentFileLocation(
        document.id, document.access_hash, document.file_reference, thumb_size=""
    )
    size = 512 * 1024
    requests = [functions.upload.GetFileRequest(where, at, size) for at in range(0, len(BIG), size)]
    parts = await asyncio.gather(*map(client, requests))
    assert b"".join(part.bytes for part in parts) == BIG


async def test_a_file_is_sent_again_by_what_telegram_calls_it(
    client: BotClient, her: int, stage: Stage
) -> None:
    uploaded = await client.upload_file(SMALL, file_name="a.bin")
    first = await client.send_file(her, uploaded)
    parts = stage.sandbox.calls["upload.saveFilePart"]
    again = await client.send_file(her, first.media)
    assert again.document.id == first.document.id
    with pytest.raises(errors.FileReferenceEmptyError):  # an id of the Bot API holds no reference
        await client.send_file(her, first.file.id)
    assert stage.sandbox.calls["upload.saveFilePart"] == parts


async def test_a_file_reference_that_expired_under_way_is_renewed(
    client: BotClient, her: int, stage: Stage
) -> None:
    sent = await client.send_file(her, SMALL)
    stage.faults.expire_references()
    assert await client.download_media(sent, bytes) == SMALL


async def test_a_preview_is_sent_and_fetched(client: BotClient, her: int) -> None:
    sent = await client.send_file(her, SMALL, thumb=PICTURE, force_document=True)
    assert await client.download_media(sent, bytes, thumb=-1) == PICTURE
    assert await client.download_media(sent, bytes) == SMALL


async def test_a_picture_is_a_picture_and_kinds_of_files_are_kept(client: BotClient, her: int) -> None:
    picture = BytesIO(PICTURE)
    picture.name = "a.jpg"
    assert await (await client.send_file(her, picture)).download_media(bytes) == PICTURE
    assert (await client.send_file(her, SMALL, voice_note=True)).voice
    film = BytesIO(SMALL)
    film.name = "a.mp4"
    assert (await client.send_file(her, film, video_note=True)).video_note
    assert (await client.send_file(her, types.InputMediaDice("🎲"))).dice.value in range(1, 7)
    assert (await client.send_file(her, types.InputMediaContact("+1", "Bea", "", ""))).contact


async def test_a_redirect_to_a_cdn_is_refused_by_its_name(client: BotClient, her: int, stage: Stage) -> None:
    """Telegram has no CDN files for bots, and Telethon says so."""
    sent = await client.send_file(her, SMALL)
    redirect = types.upload.FileCdnRedirect(203, b"token", bytes(32), bytes(32), [])
    stage.faults.answer("upload.getFile", redirect)
    with pytest.raises(ValueError, match="restricted"):
        await client.download_media(sent, bytes)
    assert await client.download_media(sent, bytes) == SMALL


# ---- albums ------------------------------------------------------------------------------------------


async def test_albums_go_both_ways(client: BotClient, ann: Any, her: int, at_bot: Seen, at_ann: Seen) -> None:
    def pictures() -> list[BytesIO]:
        made = [BytesIO(PICTURE + bytes([number])) for number in range(3)]
        for one in made:
            one.name = "a.jpg"
        return made

    sent = await client.send_file(her, pictures(), caption=["a", "b", "c"])
    assert len({message.grouped_id for message in sent}) == 1
    got = await at_ann.next(events.Album)
    assert [message.raw_text for message in got.messages] == ["a", "b", "c"]
    await ann.send_file("the_bot", pictures(), caption=["d", "e", "f"])
    album = await at_bot.next(events.Album)
    assert [message.raw_text for message in album.messages] == ["d", "e", "f"]
    assert await album.messages[1].download_media(bytes) == PICTURE + b"\1"


# ---- messages ----------------------------------------------------------------------------------------


async def test_texts_are_parsed_and_keyboards_shown(client: BotClient, her: int, at_ann: Seen) -> None:
    await client.send_message(her, "<b>bold</b> & <i>more</i>", parse_mode="html")
    assert (await at_ann.next()).text == "**bold** & __more__"
    await client.send_message(her, f"[you](tg://user?id={her}) and `code`")
    entities = (await at_ann.next()).message.entities
    assert [type(one) for one in entities] == [types.MessageEntityMentionName, types.MessageEntityCode]
    assert entities[0].user_id == her
    rows = [[Button.inline("one", b"1"), Button.url("site", "https://example.com")]]
    await client.send_message(her, "buttons", buttons=rows)
    assert [button.text for button in (await at_ann.next()).buttons[0]] == ["one", "site"]
    for markup in (Button.text("a"), Button.request_phone("b"), Button.force_reply(), Button.clear()):
        await client.send_message(her, "markup", buttons=markup)
        assert (await at_ann.next()).message.reply_markup is not None


async def test_messages_are_edited_forwarded_and_deleted(
    client: BotClient, her: int, at_ann: Seen, at_bot: Seen
) -> None:
    sent = await client.send_message(her, "frist")
    await at_ann.next(events.NewMessage)
    edited = await client.edit_message(her, sent, "first")
    assert (edited.id, edited.raw_text) == (sent.id, "first")
    assert (await at_ann.next(events.MessageEdited)).raw_text == "first"
    assert (await sent.edit("1st", buttons=Button.inline("x"))).buttons
    file = await client.send_file(her, SMALL)
    assert await (await file.edit("new", file=PICTURE)).download_media(bytes) == PICTURE
    forwards = await client.forward_messages(her, [sent.id, file.id], her)
    assert [message.forward is not None for message in forwards] == [True, True]
    assert (await forwards[0].forward_to(her)).raw_text == "1st"
    got = await client.get_messages(her, ids=[sent.id, 10_000])
    assert [message and message.raw_text for message in got] == ["1st", None]
    assert [message.id async for message in client.iter_messages(her, ids=[file.id])] == [file.id]
    await client.delete_messages(her, [sent.id, file.id])
    assert len((await at_ann.next(events.MessageDeleted)).deleted_ids) == 2


async def test_messages_are_pinned_and_unpinned(client: BotClient, her: int) -> None:
    sent = await client.send_message(her, "look")
    service = await client.pin_message(her, sent)
    assert isinstance(service.action, types.MessageActionPinMessage)
    assert (await client.get_messages(her, ids=sent.id)).pinned
    await client.unpin_message(her, sent)
    await sent.pin()
    await client.unpin_message(her)
    assert not (await client.get_messages(her, ids=sent.id)).pinned


async def test_edits_and_deletions_of_others_arrive(client: BotClient, ann: Any, at_bot: Seen) -> None:
    sent = await ann.send_message("the_bot", "frist")
    number = (await at_bot.next(events.NewMessage)).id
    await sent.edit("first")
    assert (await at_bot.next(events.MessageEdited)).raw_text == "first"
    await sent.delete()
    assert (await at_bot.next(events.MessageDeleted)).deleted_ids == [number]
    assert {type(update) for update in at_bot.raw} >= {
        types.UpdateNewMessage,
        types.UpdateEditMessage,
        types.UpdateDeleteMessages,
    }


async def test_a_button_is_pressed_and_answered(client: BotClient, ann: Any, her: int, at_bot: Seen) -> None:
    await client.send_message(her, "which?", buttons=Button.inline("this", b"this"))
    await until(lambda: client.connected)
    [message] = await ann.get_messages("the_bot", limit=1)
    pressing = asyncio.create_task(message.click(data=b"this"))
    press = await at_bot.next(events.CallbackQuery)
    assert press.data == b"this"
    await press.answer("well", alert=True)
    assert (await pressing).message == "well"
    assert (await press.get_message()).raw_text == "which?"
    await press.edit("done")


async def test_an_inline_query_is_answered_and_its_result_sent(
    client: BotClient, ann: Any, stage: Stage, at_bot: Seen
) -> None:
    profile = stage.world.accounts[stage.account.id].profile
    assert profile is not None
    profile.inline = "Search"
    asking = asyncio.create_task(ann.inline_query("the_bot", "cats"))
    query = await at_bot.next(events.InlineQuery)
    assert query.text == "cats"
    builder = query.builder
    picture = await client.upload_file(PICTURE, file_name="a.jpg")
    await query.answer(
        [
            builder.article("A cat", text="**meow**", description="small"),
            builder.photo(picture, text="a cat"),
        ],
        cache_time=0,
    )
    article, photo = await asking
    assert (article.title, article.description) == ("A cat", "small")
    await article.click("the_bot")
    sent = await at_bot.next(events.NewMessage)
    assert (sent.text, sent.message.via_bot_id) == ("**meow**", stage.account.id)
    assert photo.type == "photo"


@pytest.mark.parametrize(
    "action", ["typing", "photo", "document", "record-audio", "record-round", "game", "location", "contact"]
)
async def test_every_action_is_sent(client: BotClient, stage: Stage, her: int, action: str) -> None:
    before = stage.sandbox.calls["messages.setTyping"]
    async with client.action(her, action):
        assert stage.sandbox.calls["messages.setTyping"] == before + 1
    await client.action(her, "cancel")


async def test_an_action_shows_how_far_an_upload_is(client: BotClient, her: int) -> None:
    async with client.action(her, "document") as action:
        sent = await client.send_file(her, SMALL, progress_callback=action.progress)
    assert sent.file.size == len(SMALL)


async def test_a_conversation_has_texts_files_presses_and_edits(
    client: BotClient, ann: Any, her: int, at_bot: Seen
) -> None:
    async with client.conversation(her, timeout=PATIENCE) as talk:
        asked = await talk.send_message("who?", buttons=Button.inline("me", b"me"))
        reply = await ann.send_message("the_bot", "Ann")
        assert (await talk.get_response()).raw_text == "Ann"
        await reply.edit("Anna")
        assert (await talk.get_edit()).raw_text == "Anna"
        await talk.send_file(SMALL)
        await ann.send_file("the_bot", PICTURE, caption="here")
        answer = await talk.get_response()
        assert (answer.raw_text, await answer.download_media(bytes)) == ("here", PICTURE)
        press = talk.wait_event(events.CallbackQuery(func=lambda event: event.data == b"me"))
        found = [one async for one in ann.iter_messages("the_bot") if one.raw_text == asked.raw_text]
        pressing = asyncio.create_task(found[0].click(data=b"me"))
        await (await press).answer()
        await pressing


# ---- the client --------------------------------------------------------------------------------------


async def test_the_bot_knows_itself_and_others(client: BotClient, stage: Stage, her: int) -> None:
    me = await client.get_me()
    assert (me.id, me.bot, me.username) == (stage.account.id, True, "the_bot")
    assert (await client.get_me(input_peer=True)).user_id == me.id
    assert (await client.is_bot(), await client.is_user_authorized()) == (True, True)
    assert (await client.get_entity(her)).first_name == "Ann"
    assert (await client.get_entity("@the_bot")).id == me.id
    assert (await client.get_entity("me")).id == me.id
    assert (await client.get_input_entity(her)).user_id == her
    assert await client.get_peer_id(her) == her
    with pytest.raises(ValueError, match="Could not find"):
        await client.get_input_entity(12345)


async def test_several_requests_have_their_answers_in_order(client: BotClient) -> None:
    requests = [functions.help.GetConfigRequest(), functions.help.GetNearestDcRequest()]
    for ordered in (False, True):
        config, nearest = await client(requests, ordered=ordered)
        assert (type(config), type(nearest)) == (types.Config, types.NearestDc)
    wrong = functions.messages.GetMessagesRequest([])
    with pytest.raises(errors.MultiError):
        await client([requests[0], functions.messages.GetHistoryRequest("me", 0, None, 0, 1, 0, 0, 0), wrong])


async def test_what_was_missed_is_caught_up_with(
    client: BotClient, ann: Any, stage: Stage, at_bot: Seen
) -> None:
    stage.faults.withhold(stage.account.id)
    await ann.send_message("the_bot", "unheard")
    await client.catch_up()
    assert (await at_bot.next(events.NewMessage)).raw_text == "unheard"


async def test_a_group_tells_who_comes_and_who_is_in_it(
    client: BotClient, ann: Any, stage: Stage, at_bot: Seen
) -> None:
    made = await ann(functions.messages.CreateChatRequest(["the_bot"], "Group"))
    joined = await at_bot.next(events.ChatAction)
    assert joined.created or joined.user_added
    chat = await joined.get_chat()
    assert chat.title == "Group"
    names = {user.first_name async for user in client.iter_participants(chat)}
    assert "Ann" in names
    assert (await client.get_permissions(chat, "me")).is_admin is False
    assert made.updates.chats[0].id == chat.id


async def test_the_client_runs_until_it_is_disconnected(client: BotClient, stage: Stage) -> None:
    assert client.is_connected()
    running = asyncio.create_task(client.run_until_disconnected())
    await until(lambda: stage.sandbox.calls["updates.getState"])
    disconnected = client.disconnected
    assert not disconnected.done()
    assert not running.done()
    await stage.close(client)
    async with asyncio.timeout(PATIENCE):
        await running
        await disconnected
    assert not client.is_connected()


async def test_handlers_are_listed_and_taken_away(client: BotClient, ann: Any, at_bot: Seen) -> None:
    heard: list[str] = []

    async def note(event: Any) -> None:
        heard.append(event.raw_text)

    client.add_event_handler(note, events.NewMessage(pattern="(?i)x"))
    assert note in [callback for callback, _ in client.list_event_handlers()]
    await ann.send_message("the_bot", "X1")
    await until(lambda: heard == ["X1"])
    assert client.remove_event_handler(note) == 1
    await ann.send_message("the_bot", "x2")
    await until(lambda: len(at_bot.raw) >= 3)
    assert heard == ["X1"]


async def test_a_plugin_that_disconnects_costs_a_connection(
    client: BotClient, ann: Any, stage: Stage, at_bot: Seen
) -> None:
    links = client._link_state.links
    async with asyncio.timeout(PATIENCE):
        await client.disconnect()
    await until(lambda: client._link_state.links > links)
    await ann.send_message("the_bot", "still there?")
    assert (await at_bot.next(events.NewMessage)).raw_text == "still there?"
    await client.checkpoint()


async def test_a_plugin_cannot_take_the_login_away(client: BotClient, stage: Stage) -> None:
    for refused in (client.log_out, lambda: client.sign_in(bot_token="1:x")):
        with pytest.raises(TypeError, match="the bot"):
            await refused()
    with pytest.raises(TypeError, match="proxy"):
        client.set_proxy(("socks5", "127.0.0.1", 1))
    assert stage.path.exists()
    assert (await client.get_me()).bot


@pytest.mark.parametrize(
    "closed",
    [
        lambda client, her: client.get_messages(her, limit=3),
        lambda client, her: client.get_dialogs(),
        lambda client, her: client.send_read_acknowledge(her),
        lambda client, her: client.send_message(her, "later", schedule=3600),
    ],
    ids=["history", "dialogs", "read marks", "schedules"],
)
async def test_what_telegram_keeps_from_bots_is_told_by_its_error(
    client: BotClient, her: int, closed: Any
) -> None:
    with pytest.raises(errors.BadRequestError):
        await closed(client, her)
    assert (await client.get_me()).bot
