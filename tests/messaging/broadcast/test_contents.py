"""What recipients get: languages, buttons, copies of messages and of albums."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import types

from tests.messaging.broadcast.conftest import Office
from tests.telegram.conftest import until
from tgbot.core.broadcasterrors import ContentError, SourceError
from tgbot.core.broadcasts import Audience, Content, Source
from tgbot.messaging.broadcast import sources
from tgbot.messaging.broadcast.drafts import Markup, text_content


async def test_everybody_gets_the_nearest_language(office: Office) -> None:
    people = {
        code: (await office.meet(1, language=code))[0] for code in ("en", "ru", "pt-br", "pt", "uk", "iw", "")
    }
    texts = {code: text_content(code or "default") for code in ("", "ru", "pt", "he")}
    number = await office.begin(contents=texts)
    status = await office.ends(number)
    heard = {code: office.heard(person) for code, person in people.items()}
    assert heard == {
        "en": ["default"],
        "ru": ["ru"],
        "pt-br": ["pt"],
        "pt": ["pt"],
        "uk": ["default"],
        "iw": ["he"],
        "": ["default"],
    }
    assert status["sent"] == 7
    chunk = await office.store.broadcasts.chunk(number, 0)
    codes = office.broadcasts.get(number).languages
    sent = {user: codes[place - 1] for user, place in zip(chunk.ids, chunk.languages, strict=True)}
    assert sent == {person: heard[code][0].replace("default", "") for code, person in people.items()}


async def test_a_language_that_somebody_chose_counts(office: Office) -> None:
    (person,) = await office.meet(1, language="en")
    office.store.users.choose_language(person, "ru")
    await office.ends(await office.begin(contents={"": text_content("en"), "ru": text_content("ru")}))
    assert office.heard(person) == ["ru"]


async def test_the_audience_can_be_a_part_of_all(office: Office) -> None:
    (english,) = await office.meet(1, language="en")
    (russian,) = await office.meet(1, language="ru")
    number = await office.begin(
        contents={"ru": text_content("ru")}, audience=Audience(languages=("ru",)), silent=True
    )
    assert (await office.ends(number))["audience"] == 1
    assert (office.heard(english), office.heard(russian)) == ([], ["ru"])
    (copy,) = office.copies(russian)
    assert copy.post.extras == {"silent": True}


async def test_markup_and_buttons_arrive(office: Office) -> None:
    (person,) = await office.meet(1)
    buttons = [("Shop", "https://example.com"), ("Tell me", "start:sale")]
    content = text_content("some **bold** words", Markup.MARKDOWN)
    await office.ends(await office.begin(contents={"": content}, buttons=buttons))
    (copy,) = office.copies(person)
    assert (copy.post.text, copy.post.entities) == ("some bold words", [types.MessageEntityBold(5, 4)])
    assert [row.buttons[0].text for row in copy.post.markup.rows] == ["Shop", "Tell me"]


async def test_a_click_counts_once_and_gives_the_owners_payload(office: Office) -> None:
    first, second = await office.meet(2)
    (stranger,) = await office.meet(1, language="xx")
    audience = Audience(ids=(first, second))
    buttons = [("Shop", "https://example.com"), ("One", "start"), ("Two", "start:sale")]
    number = await office.begin(buttons=buttons, audience=audience)
    await office.ends(number)
    (copy,) = office.copies(first)
    one, two = (row.buttons[0].type.url.partition("start=")[2] for row in copy.post.markup.rows[1:])
    clicked = office.broadcasts.clicked
    assert [await clicked(first, two) for _ in range(2)] == ["sale", "sale"]
    assert await clicked(second, two) == "sale"
    assert await clicked(second, one) == ""
    assert await clicked(stranger, two) == "sale"
    assert await clicked(first, "something-else") is None
    assert office.status(number)["clicks"] == [1, 2]


# ---- copies of messages ----------------------------------------------------------------------------------


async def source(office: Office, text: str = "copy me", **fields: Any) -> tuple[int, Source]:
    """Have the author write a message to the bot; return who wrote it, and the message."""
    (author,) = await office.meet(1)
    number = office.stage.write(author, text, **fields)
    await until(lambda: office.store.users.last_finished(author) >= number)
    return author, Source(author, number)


async def test_a_message_is_copied_with_its_picture_and_entities(office: Office) -> None:
    media = office.photo()
    bold = [types.MessageEntityBold(0, 4)]
    author, place = await source(office, media=media, entities=bold)
    (person,) = await office.meet(1)
    number = await office.begin(contents={"": Content(source=place)}, buttons=[("b", "https://a.example")])
    assert (await office.ends(number))["sent"] == 2
    (copy,) = office.copies(person)
    assert (copy.post.text, copy.post.entities) == ("copy me", bold)
    assert copy.post.media.photo.id == media.photo.id
    assert copy.post.markup is not None
    assert copy.post.forwarded is None
    assert len(office.copies(author)) == 1


async def test_an_album_is_copied_as_a_whole_and_once(office: Office) -> None:
    (author,) = await office.meet(1)
    office.stage.write(author, "before", media=office.photo())
    first, *_ = (
        office.stage.write(author, f"part {n}", media=office.photo(), grouped_id=5) for n in range(3)
    )
    last = office.stage.write(author, "another album", media=office.photo(), grouped_id=6)
    await until(lambda: office.store.users.last_finished(author) >= last)
    people = await office.meet(5)
    number = await office.begin(contents={"": Content(source=Source(author, first + 1))}, rate=20.0)
    await office.sent(number, 2)
    await office.kill()
    await office.open()
    assert (await office.ends(number))["sent"] == 6
    for person in people:
        copies = office.copies(person)
        assert [copy.post.text for copy in copies] == ["part 0", "part 1", "part 2"]
        assert len({copy.post.extras["grouped_id"] for copy in copies}) == 1
    chunk = await office.store.broadcasts.chunk(number, 0)
    box = office.world.accounts[office.bot_id].box
    for index, person in enumerate(chunk.ids):
        sent = [box.get(message) for message in chunk.messages_of(index)]
        assert [(copy.post.text, copy.peer) for copy in sent if copy] == [
            (f"part {n}", person) for n in range(3)
        ]


async def test_an_album_has_no_buttons(office: Office) -> None:
    (author,) = await office.meet(1)
    messages = [office.stage.write(author, "", media=office.photo(), grouped_id=5) for _ in range(2)]
    await until(lambda: office.store.users.last_finished(author) >= messages[-1])
    office.admins.add(author)
    contents = {"": Content(source=Source(author, messages[0]))}
    draft = await office.draft(contents=contents, buttons=[("b", "https://a.example")])
    for act in (office.broadcasts.start, office.broadcasts.plan, office.broadcasts.test):
        with pytest.raises(ContentError, match="album"):
            await act(draft.id)
    assert office.status(draft.id)["state"] == "draft"


async def test_a_post_of_a_channel_is_copied(office: Office) -> None:
    (person,) = await office.meet(1)
    channel = office.world.new_channel("News", creator=office.bot_id)
    copy = office.world.send_as(office.bot_id, channel.marked, "posted")
    await office.ends(await office.begin(contents={"": Content(source=Source(channel.marked, copy.id))}))
    assert office.heard(person) == ["posted"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"media": types.MessageMediaUnsupported()}, "cannot be sent again .unsupported."),
        ({"media": types.MessageMediaInvoice("t", "d", "EUR", 5, "x")}, "cannot be sent again .invoice."),
        ({"action": types.MessageActionPinMessage()}, "service message"),
        ({"text": "x" * 1025, "photo": True}, "longer than what a bot may send"),
        ({"text": "", "photo": True, "ttl": 5}, "deletes itself"),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_what_cannot_be_copied_is_refused_in_words(
    office: Office, fields: dict[str, Any], reason: str
) -> None:
    if fields.pop("photo", False):
        media = office.photo()
        media.ttl_seconds = fields.pop("ttl", None)
        fields["media"] = media
    (author,) = await office.meet(1)
    copy = office.world.send_as(author, office.bot_id, fields.pop("text", "words"), **fields)
    place = Source(author, copy.twin(office.bot_id).id)  # type: ignore[union-attr]  # the bot has it
    draft = await office.draft(contents={"": Content(source=place)})
    with pytest.raises(SourceError, match=reason):
        await office.broadcasts.start(draft.id)
    assert office.status(draft.id)["state"] == "draft"


async def test_a_message_that_is_not_there_is_refused_in_words(office: Office) -> None:
    author, place = await source(office)
    (other,) = await office.meet(1)
    for chat, message, reason in (
        (author, place.message + 500, "no such message"),
        (other, place.message, "no such message"),
        (-1_000_000_077_000, 5, "CHANNEL_INVALID"),
    ):
        draft = await office.draft(contents={"": Content(source=Source(chat, message))})
        with pytest.raises(SourceError, match=reason):
            await office.broadcasts.plan(draft.id)


async def test_an_outdated_file_is_fetched_again_once_for_all(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[Source] = []

    async def fetch(client: Any, source: Source) -> Any:
        fetched.append(source)
        return await fetch_really(client, source)

    fetch_really = sources.fetch
    monkeypatch.setattr(sources, "fetch", fetch)
    _, place = await source(office, "caption", media=office.photo())
    people = await office.meet(20)
    office.leftover.slow_down(10_000.0)
    number = await office.begin(contents={"": Content(source=place)})
    await office.stop()
    office.world.files.expire_references()
    await office.open()
    assert (await office.ends(number))["sent"] == 21
    for person in people:
        (copy,) = office.copies(person)
        assert copy.post.media.photo.file_reference == office.world.files.reference
    assert fetched == [place, place]  # at the start, and once more
    (content,) = office.broadcasts.get(number).contents.values()
    assert office.world.files.reference in content.parts[0].media


async def test_what_is_scheduled_is_what_was_there_when_it_was_scheduled(office: Office) -> None:
    author, place = await source(office)
    number = await office.begin(contents={"": Content(source=place)}, at=int(office.clock()) + 100)
    bot = office.world.accounts[office.bot_id]
    office.world.posts.delete([bot.box.get(place.message)], revoke=True)  # type: ignore[list-item]  # as above
    await office.broadcasts.start(number, now=True)
    await office.ends(number)
    assert office.heard(author) == ["copy me"]


async def test_an_outdated_file_that_cannot_be_fetched_now_is_fetched_later(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    _, place = await source(office, "caption", media=office.photo())
    await office.meet(20)
    office.leftover.slow_down(10_000.0)
    number = await office.begin(contents={"": Content(source=place)})
    await office.stop()
    office.world.files.expire_references()
    await office.open(run=False)
    # Longer than the client waits by itself.
    office.client.flood_sleep_threshold = 0
    office.faults.fail("messages.getMessages", 420, "FLOOD_WAIT_2")
    office.run()
    assert (await office.ends(number))["sent"] == 21
    assert caplog.text.count("cannot be fetched now (FLOOD_WAIT_2)") == 1


async def test_an_outdated_file_whose_message_is_gone_pauses_the_broadcast(office: Office) -> None:
    author, place = await source(office, "caption", media=office.photo())
    office.leftover.slow_down(10_000.0)
    number = await office.begin(contents={"": Content(source=place)})
    await office.stop()
    office.world.files.expire_references()
    bot = office.world.accounts[office.bot_id]
    office.world.posts.delete([bot.box.get(place.message)], revoke=True)  # type: ignore[list-item]  # as above
    await office.open()
    status = await office.ends(number, "paused")
    assert "no such message" in status["reason"]
    assert status["waiting"] == 1
    assert office.copies(author) == []
