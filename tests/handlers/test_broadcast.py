"""`/broadcast`: a preview, a question, and one message that shows how far it is, with buttons that fit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from telethon.tl import types

from tests.handlers.conftest import Desk
from tests.handlers.test_admin import reply_to
from tests.handlers.test_buttons import press
from tests.handlers.test_sweep import labels, shown
from tests.telegram.conftest import until
from tgbot.core.broadcasts import Audience, State
from tgbot.handlers import broadcast, live
from tgbot.messaging.broadcast.drafts import text_content
from tgbot.telegram import checkpoints

EDIT, SEND = "messages.editMessage", "messages.sendMessage"
MAIN = ["Test", "Plan", "Start", "Cancel"]


class Office:
    """A bot with an admin, and people who have written to it; it carries broadcasts out."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.boss = desk.meet("Boss")
        self.other = desk.meet("Other boss")
        self.admins = {self.boss, self.other}
        self.people: list[int] = []
        self._running: asyncio.Task[None] | None = None

    @property
    def broadcasts(self) -> Any:
        return self.desk.parts.broadcasts

    async def open(self, people: int = 0, **parts: Any) -> None:
        await self.desk.open(broadcast, admins=self.admins, **parts)
        self._running = asyncio.get_running_loop().create_task(self.broadcasts.run())
        for _ in range(people):
            self.people.append(self.desk.meet())
            await self.desk.says(self.people[-1], "hello")

    async def close(self) -> None:
        if self._running is not None:
            await self.broadcasts.close(1.0)
            self._running.cancel()

    async def restart(self) -> None:
        await self.close()
        await self.desk.stage.close(self.desk.parts.client)
        await self.open()

    async def command(self, text: str = "news", words: str = "", *, admin: int = 0, **fields: Any) -> Any:
        """Let an admin reply with the command to a message of theirs; return the message with the buttons."""
        admin = admin or self.boss
        number, _ = await self.desk.sends(admin, text, **fields)
        return await self.reply(number, words, admin=admin)

    async def reply(self, number: int, words: str = "", *, admin: int = 0, **header: Any) -> Any:
        admin = admin or self.boss
        await self.desk.says(admin, f"/broadcast {words}".strip(), **reply_to(number, **header))
        return self.last(admin)

    async def ask(self, words: str = "", *, admin: int = 0) -> Any:
        """Send the command without a reply."""
        await self.desk.says(admin or self.boss, f"/broadcast {words}".strip())
        return self.last(admin or self.boss)

    def last(self, person: int) -> Any:
        box = self.desk.world.accounts[person].box
        return box.get(box.dialogs[self.desk.bot_id].ids[-1])

    def delete(self, number: int) -> None:
        """Delete a message, named by the id of the bot's copy."""
        copy = self.desk.world.accounts[self.desk.bot_id].box.get(number)
        assert copy is not None
        self.desk.world.posts.delete([copy], revoke=True)

    async def press(self, copy: Any, label: str, *, admin: int = 0) -> str | None:
        """Press the button with this label; return the notice."""
        answer = await press(self.desk, admin or self.boss, copy, self.data(copy, label, admin))
        notice: str | None = answer.message
        return notice

    def data(self, copy: Any, label: str, admin: int = 0) -> bytes:
        """Return the bytes of the button with this label."""
        markup = self.now(copy, admin).markup
        (data,) = (one.type.data for row in markup.rows for one in row.buttons if one.text == label)
        return bytes(data)

    def now(self, copy: Any, admin: int = 0) -> Any:
        found = self.desk.world.accounts[admin or self.boss].box.get(copy.id)
        assert found is not None
        return found.post

    def text(self, copy: Any, admin: int = 0) -> str:
        return shown(self.desk, admin or self.boss, copy)

    def labels(self, copy: Any, admin: int = 0) -> list[str]:
        return labels(self.desk, admin or self.boss, copy)

    async def reads(self, copy: Any, words: str, admin: int = 0) -> str:
        """Return what a message says once these words are in it."""
        await until(lambda: words in self.text(copy, admin))
        return self.text(copy, admin)

    def heard(self, person: int) -> list[str]:
        return [text for text in self.desk.stage.heard(person) if text == "news"]


@pytest.fixture
async def office(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    """A bot that is not open yet, whose messages change many times a second."""
    monkeypatch.setattr(live, "SHOWN_SECONDS", 0.02)
    made = Office(desk)
    yield made
    await made.close()
    assert desk.parts.client.handler_errors == 0


# ---- drafts ------------------------------------------------------------------------------------


async def test_a_reply_shows_what_people_will_get_then_whom_it_reaches(office: Office) -> None:
    await office.open(2)
    copy = await office.command("news")
    assert office.heard(office.boss) == ["news"]
    assert office.text(copy) == (
        "Broadcast 1\n"
        "A draft: nothing is sent yet. Test sends it to you, as people will get it.\n"
        "\n"
        "3 people get it, in about 1 s."
    )
    assert office.labels(copy) == MAIN
    assert [office.heard(person) for person in office.people] == [[], []]


async def test_it_is_tested_planned_and_started_after_one_more_question(office: Office) -> None:
    await office.open(2)
    copy = await office.command("news")
    assert await office.press(copy, "Test") == "Sent to you."
    assert office.heard(office.boss) == ["news", "news"]
    await office.press(copy, "Plan")
    assert "Per second: 30.0" in office.text(copy)
    await office.press(copy, "Start")
    assert "Send it to 3 people?" in office.text(copy)
    assert office.labels(copy) == ["Yes, send it", "No"]
    await office.press(copy, "No")
    assert office.labels(copy) == MAIN
    assert office.broadcasts.get(1).state is State.DRAFT
    await office.press(copy, "Start")
    await office.press(copy, "Yes, send it")
    text = await office.reads(copy, "It is done.")
    assert "Delivered: 3 of 3 (100 %)" in text
    assert office.labels(copy) == ["Report"]
    assert [office.heard(person) for person in office.people] == [["news"], ["news"]]


async def test_an_album_is_sent_whole_whichever_part_is_replied_to(office: Office) -> None:
    await office.open(1)
    world = office.desk.world
    sizes, home = [types.PhotoSize("x", 800, 600, 5)], office.desk.stage.sandbox.dc_id
    media = []
    for number in (5, 6):
        photo = types.Photo(number, 77, world.files.reference, world.date(), sizes, home)
        world.files.store(photo, b"bytes")
        media.append(types.MessageMediaPhoto(photo=photo))
    first, _ = await office.desk.sends(office.boss, "album", media=media[0], grouped_id=9)
    second, _ = await office.desk.sends(office.boss, "", media=media[1], grouped_id=9)
    for part in (first, second):
        copy = await office.reply(part)
        await office.press(copy, "Cancel")
        assert "It is cancelled." in office.text(copy)
    copy = await office.reply(second)
    await office.press(copy, "Start")
    await office.press(copy, "Yes, send it")
    await office.reads(copy, "It is done.")
    person = office.desk.world.accounts[office.people[0]].box
    copies = [person.get(number) for number in person.dialogs[office.desk.bot_id].ids]
    got = [one for one in copies if one is not None and not one.out and one.post.media is not None]
    assert [one.post.text for one in got] == ["album", ""]
    assert len({(one.post.extras or {})["grouped_id"] for one in got}) == 1


async def test_a_forwarded_post_is_sent_as_the_bots_own(office: Office) -> None:
    await office.open()
    forward = types.MessageFwdHeader(office.desk.world.date(), from_name="A channel")
    copy = await office.command("news", fwd_from=forward)
    assert office.heard(office.boss) == ["news"]
    assert office.labels(copy) == MAIN


@pytest.mark.parametrize(
    ("media", "answer"),
    [
        (types.MessageMediaPoll, "holds something that cannot be sent again"),
        (None, "does not exist any more"),
    ],
)
async def test_what_cannot_be_copied_is_told_and_no_draft_is_made(
    office: Office, media: Any, answer: str
) -> None:
    await office.open()
    if media is None:
        number = 4711
    else:
        words = types.TextWithEntities("?", [])
        poll = types.Poll(1, words, [types.PollAnswer(words, b"1")], 0)
        number, _ = await office.desk.sends(office.boss, "", media=media(poll, types.PollResults()))
    copy = await office.reply(number)
    assert answer in office.text(copy)
    assert office.labels(copy) == []
    assert office.broadcasts.all() == []


async def test_a_message_of_a_chat_that_the_bot_is_not_in_is_told(office: Office) -> None:
    await office.open()
    copy = await office.reply(5, reply_to_peer_id=types.PeerChannel(99))
    assert "Telegram does not show me that message" in office.text(copy)


async def test_languages_narrow_it_and_others_words_are_told(office: Office) -> None:
    await office.open(1)
    anna = office.desk.meet()
    office.desk.language(anna, "de")
    await office.desk.says(anna, "hello")
    copy = await office.command("news", "de, PT-br")
    assert "Only to those who speak: de, pt-br" in office.text(copy)
    assert "One person gets it" in office.text(copy)
    await office.press(copy, "Plan")
    assert "not in the audience: 2" in office.text(copy)
    copy = await office.command("news", "everybody!")
    assert "I cannot read “everybody!”" in office.text(copy)
    assert len(office.broadcasts.all()) == 1


async def test_the_same_message_has_one_draft(office: Office) -> None:
    await office.open()
    number, _ = await office.desk.sends(office.boss, "news")
    for _ in range(2):
        copy = await office.reply(number)
    assert office.text(copy).startswith("Broadcast 1\n")
    assert len(office.broadcasts.all()) == 1
    copy = await office.reply(number, "en")
    assert office.text(copy).startswith("Broadcast 2\n")


async def test_a_command_that_is_handled_twice_makes_one_draft_and_one_preview(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 10_000.0)
    await office.open()
    copy = await office.command("news")
    await office.close()
    await office.desk.stage.kill(office.desk.parts.client)
    monkeypatch.setattr(office.desk, "last_finished", lambda chat_id: 0)
    await office.open()
    await until(lambda: not office.desk.parts.client._batches.waiting)
    assert office.heard(office.boss) == ["news"]
    assert office.last(office.boss).id == copy.id
    assert len(office.broadcasts.all()) == 1


async def test_a_draft_that_was_changed_after_the_question_is_not_sent(office: Office) -> None:
    await office.open(1)
    copy = await office.command("news")
    await office.press(copy, "Start")
    await office.broadcasts.change(1, silent=True)
    notice = await office.press(copy, "Yes, send it")
    assert notice == "The draft was changed meanwhile. Test it, then start it again."
    assert office.broadcasts.get(1).state is State.DRAFT
    assert office.labels(copy) == MAIN


async def test_its_price_is_named_and_agreed_to(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    await office.open(2)
    monkeypatch.setattr(office.broadcasts, "_pace", 60.0)
    await office.broadcasts.create({"": text_content("news")}, paid=True)
    copy = await office.ask()
    await office.press(copy, "Broadcast 1: draft")
    await office.press(copy, "Start")
    assert "It costs up to 1 stars." in office.text(copy)
    cheaper = office.data(copy, "Yes, send it").removesuffix(b":1") + b":0"
    await press(office.desk, office.boss, copy, cheaper)
    assert "It costs up to 1 stars." in office.text(copy), "the price is asked again"
    assert office.broadcasts.get(1).state is State.DRAFT
    await office.press(copy, "Yes, send it")
    await office.reads(copy, "It is done.")


async def test_nobody_to_write_to_is_told(office: Office) -> None:
    await office.open()
    copy = await office.command("news", "de")
    assert await office.press(copy, "Start") == "There is nobody to send it to."
    assert office.labels(copy) == MAIN


async def test_a_source_that_was_deleted_is_told_by_the_draft(office: Office) -> None:
    await office.open()
    number, _ = await office.desk.sends(office.boss, "news")
    copy = await office.reply(number)
    office.delete(number)
    await office.press(copy, "Plan")
    assert office.text(copy).endswith("\n\nThat message does not exist any more.")
    assert await office.press(copy, "Start") == "That message does not exist any more."
    assert await office.press(copy, "Test") == "That message does not exist any more."
    assert office.labels(copy) == MAIN


async def test_telegrams_refusal_of_the_preview_is_told(office: Office) -> None:
    await office.open()
    number, _ = await office.desk.sends(office.boss, "news")
    office.desk.faults.fail(SEND, 400, "MESSAGE_TOO_LONG", times=1)
    copy = await office.reply(number)
    assert "Telegram refused: MESSAGE_TOO_LONG." in office.text(copy)
    assert office.labels(copy) == MAIN


# ---- what was started --------------------------------------------------------------------------


async def begun(office: Office, people: int = 3, **options: Any) -> Any:
    """Begin a slow broadcast; return the message that shows it."""
    await office.open(people)
    await office.broadcasts.create({"": text_content("news")}, rate=options.pop("rate", 0.5), **options)
    copy = await office.ask()
    await office.press(copy, "Broadcast 1: draft")
    await office.press(copy, "Start")
    await office.press(copy, "Yes, send it")
    return copy


async def test_the_progress_is_shown_with_its_rate_and_the_time_left(office: Office) -> None:
    copy = await begun(office)
    text = await office.reads(copy, "Delivered: 1 of 4 (25 %)")
    assert "I am sending it." in text
    assert "Not sent yet: 3" in text
    await office.reads(copy, "Time left: about ")
    assert "Per second: " in office.text(copy)
    assert office.labels(copy) == ["Pause", "Cancel"]


async def test_it_is_paused_resumed_and_cancelled_after_one_more_question(office: Office) -> None:
    copy = await begun(office)
    await office.press(copy, "Pause")
    assert "It is paused." in office.text(copy)
    assert office.labels(copy) == ["Go on", "Cancel"]
    assert office.broadcasts.get(1).state is State.PAUSED
    await office.press(copy, "Go on")
    assert office.labels(copy) == ["Pause", "Cancel"]
    await office.press(copy, "Cancel")
    await office.reads(copy, "Cancel it for good?")
    await office.reads(copy, "Delivered: 2 of 4")
    assert "Cancel it for good?" in office.text(copy), "the question stays while the numbers change"
    await office.press(copy, "No")
    assert office.labels(copy) == ["Pause", "Cancel"]
    assert office.broadcasts.get(1).state is State.RUNNING
    await office.press(copy, "Cancel")
    await office.press(copy, "Yes, cancel it")
    text = await office.reads(copy, "It is cancelled.")
    assert "Not sent: " in text
    assert "Time from the start to the end: " in text
    assert office.labels(copy) == ["Report"]


async def test_who_does_not_get_it_is_counted_by_kind(office: Office) -> None:
    await office.open(4)
    for person in office.people[:2]:
        office.desk.world.accounts[person].blocked |= {office.desk.bot_id}
    copy = await office.command("news")
    await office.press(copy, "Start")
    await office.press(copy, "Yes, send it")
    text = await office.reads(copy, "It is done.")
    assert "Delivered: 3 of 5 (60 %)\nblocked me: 2" in text


async def test_a_pause_by_itself_says_why(office: Office) -> None:
    copy = await begun(office)
    await office.broadcasts._states.pause(1, "Telegram refuses the text")
    await office.reads(copy, "It is paused.\nWhy: Telegram refuses the text")
    assert office.labels(copy) == ["Go on", "Cancel"]


async def test_what_the_deadline_left_can_be_sent_later(office: Office) -> None:
    now = int(office.desk.world.now())
    copy = await begun(office, until=now + 3)
    await office.press(copy, "Cancel")  # nobody answers the question
    text = await office.reads(copy, "It is done.")
    assert "not in time: " in text
    await office.press(copy, "Send it to those it did not reach in time")
    await office.reads(copy, "I am sending it.")
    assert office.labels(copy) == ["Pause", "Cancel"]


async def test_a_scheduled_one_says_when_and_shows_its_progress_then(office: Office) -> None:
    at = int(office.desk.world.now()) + 3
    copy = await begun(office, rate=0.0, at=at)
    assert "It begins at " in office.text(copy)
    assert office.labels(copy) == ["Test", "Cancel"]
    await office.reads(copy, "It is done.")


async def test_what_is_edited_from_elsewhere_is_shown_and_can_be_paused(office: Office) -> None:
    copy = await begun(office, rate=2.0)
    await office.reads(copy, "It is done.")
    await office.broadcasts.edit(1, {"": text_content("better news")})
    copy = await office.ask()
    await office.press(copy, "Broadcast 1: running")
    await office.reads(copy, "I am editing what was delivered.")
    await office.press(copy, "Pause")
    assert "It is paused." in office.text(copy)
    await office.press(copy, "Go on")
    await office.reads(copy, "It is done.")
    assert "Edited: 4, refused: 0, left: 0" in office.text(copy)
    assert office.labels(copy) == ["Report"]


# ---- presses -----------------------------------------------------------------------------------


async def test_nobody_else_can_use_the_command_or_the_buttons(office: Office) -> None:
    await office.open(1)
    (anna,) = office.people
    number, _ = await office.desk.sends(anna, "news")
    assert await office.desk.says(anna, "/broadcast", **reply_to(number)) == []
    copy = await office.command("news")
    assert office.broadcasts.get(1).state is State.DRAFT
    office.desk.world.send_as(office.desk.bot_id, anna, "a message of the bot")
    hers = office.last(anna)
    for data in (b"broadcast:1:yes:1:0", b"broadcast:1:drop", b"broadcast:1:report"):
        assert (await press(office.desk, anna, hers, data)).message is None
    assert office.broadcasts.get(1).state is State.DRAFT
    assert office.labels(copy) == MAIN


@pytest.mark.parametrize(
    "data",
    [b"broadcast:1:", b"broadcast::yes", b"broadcast:1:yes:1", b"broadcast:-1:drop", b"broadcast:1:drop\n"],
)
async def test_other_bytes_are_no_press(office: Office, data: bytes) -> None:
    await office.open()
    copy = await office.command("news")
    assert (await press(office.desk, office.boss, copy, data)).message is None
    assert office.broadcasts.get(1).state is State.DRAFT


@pytest.mark.parametrize("word", [b"explode", b"late", b"resume", b"end", b"pause"])
async def test_a_press_that_does_not_fit_changes_nothing_and_shows_what_is_so(
    office: Office, word: bytes
) -> None:
    await office.open()
    copy = await office.command("news")
    answer = await press(office.desk, office.boss, copy, b"broadcast:1:" + word)
    assert answer.message == "Not any more. This broadcast: draft"
    assert office.broadcasts.get(1).state is State.DRAFT
    await office.broadcasts.remove(1)
    answer = await press(office.desk, office.boss, copy, b"broadcast:1:" + word)
    assert answer.message == "There is no broadcast 1 any more."


async def test_a_second_press_does_nothing_twice(office: Office) -> None:
    await office.open(3)
    copy = await office.command("news")
    await office.press(copy, "Start")
    data = office.data(copy, "Yes, send it")
    await press(office.desk, office.boss, copy, data)
    await office.reads(copy, "It is done.")
    answer = await press(office.desk, office.boss, copy, data)
    assert answer.message == "Not any more. This broadcast: done"
    answer = await press(office.desk, office.boss, copy, b"broadcast:1:drop")
    assert answer.message == "Not any more. This broadcast: done"
    assert [office.heard(person) for person in office.people] == [["news"]] * 3
    assert len(office.broadcasts.all()) == 1


async def test_two_admins_see_the_same_and_each_may_press(office: Office) -> None:
    first = await begun(office)
    office.desk.language(office.other, "ru")
    second = await office.ask(admin=office.other)
    await office.press(second, "Рассылка 1: идёт", admin=office.other)
    await office.reads(second, "Отправляю.", office.other)
    await office.press(second, "Пауза", admin=office.other)
    await office.reads(first, "It is paused.")
    await office.press(first, "Go on")
    await office.reads(second, "Отправляю.", office.other)
    await office.press(first, "Cancel")
    await office.press(first, "Yes, cancel it")
    await office.reads(second, "Отменена.", office.other)
    assert office.labels(second, office.other) == ["Отчёт"]


# ---- the message -------------------------------------------------------------------------------


async def test_after_a_restart_the_same_message_goes_on(office: Office) -> None:
    copy = await begun(office)
    await office.reads(copy, "Delivered: 1 of 4")
    await office.restart()
    await office.reads(copy, "Delivered: 2 of 4")
    await office.press(copy, "Cancel")
    await office.press(copy, "Yes, cancel it")
    await office.reads(copy, "It is cancelled.")
    await until(lambda: office.desk.users.note("broadcast messages") == "{}")


async def test_which_message_goes_on_is_on_disk_once_the_press_is_done(office: Office) -> None:
    kept: list[str | None] = []

    async def checkpoint() -> None:
        kept.append(office.desk.users.note("broadcast messages"))

    await office.open(2, checkpoint=checkpoint)
    copy = await office.command("news")
    await office.broadcasts.change(1, rate=0.5)
    await office.press(copy, "Start")
    await office.press(copy, "Yes, send it")
    message = copy.twin(office.desk.bot_id).id
    await until(lambda: kept == [f'{{"1":{{"{office.boss}":{message}}}}}'])


async def test_a_message_whose_note_cannot_be_read_stops_nothing(office: Office) -> None:
    office.desk.users.keep_note("broadcast messages", "?")
    await office.open()
    assert office.labels(await office.command("news")) == MAIN


async def test_a_flood_wait_of_the_edits_holds_nothing_else(office: Office) -> None:
    await office.open(3)
    copy = await office.command("news")
    await office.press(copy, "Start")
    office.desk.faults.fail(EDIT, 420, "FLOOD_WAIT_1", times=2)
    await press(office.desk, office.boss, copy, office.data(copy, "Yes, send it"))
    await until(lambda: office.broadcasts.get(1).state is State.DONE)
    await office.reads(copy, "It is done.")


async def test_a_message_that_was_deleted_is_left(office: Office) -> None:
    copy = await begun(office)
    office.desk.faults.fail(EDIT, 400, "MESSAGE_ID_INVALID")
    await until(lambda: office.desk.users.note("broadcast messages") == "{}")
    assert office.broadcasts.get(1).state is State.RUNNING
    del copy


async def test_who_is_no_admin_any_more_is_shown_nothing_more(office: Office) -> None:
    copy = await begun(office)
    await office.reads(copy, "Delivered: 1 of 4")
    office.admins.discard(office.boss)
    await until(lambda: office.desk.users.note("broadcast messages") == "{}")
    assert office.broadcasts.get(1).state is State.RUNNING


async def test_without_a_reply_it_says_what_to_do_and_lists_the_latest_five(office: Office) -> None:
    await office.open()
    copy = await office.ask()
    assert office.text(copy).startswith("To send a message to many people, reply to it with /broadcast.")
    assert office.labels(copy) == []
    for number in range(6):
        await office.broadcasts.create({"": text_content("news")}, name=f"Sale {number}")
    await office.broadcasts.cancel(6)
    copy = await office.ask()
    assert office.labels(copy) == [
        "Broadcast 6 – Sale 5: cancelled",
        *(f"Broadcast {number} – Sale {number - 1}: draft" for number in (5, 4, 3, 2)),
    ]
    await office.press(copy, "Broadcast 4 – Sale 3: draft")
    assert office.text(copy).startswith("Broadcast 4 – Sale 3\nA draft")
    assert office.labels(copy) == MAIN


async def test_a_draft_in_several_languages_is_tested_in_each(office: Office) -> None:
    await office.open()
    contents = {"": text_content("news"), "ru": text_content("новости")}
    await office.broadcasts.create(contents, audience=Audience())
    copy = await office.ask()
    await office.press(copy, "Broadcast 1: draft")
    before = len(office.desk.stage.heard(office.boss))
    await office.press(copy, "Test")
    assert office.desk.stage.heard(office.boss)[before:] == ["news", "новости"]


async def test_a_message_in_a_topic_is_no_reply(office: Office) -> None:
    await office.open()
    number, _ = await office.desk.sends(office.boss, "news")
    copy = await office.reply(number, forum_topic=True)
    assert office.text(copy).startswith("To send a message to many people")
