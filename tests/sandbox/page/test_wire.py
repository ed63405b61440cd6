"""The wire beside the chat: rows as they come and from before, filters, details, and stories of messages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from telethon import Button, events
from telethon.tl import functions, types

from tests.patience import PATIENCE
from tgbot.sandbox.accounts import Bot
from tgbot.sandbox.page.page import Page
from tgbot.sandbox.page.wire import BATCH, LOOKED_AT, PAGE
from tgbot.sandbox.server import Sandbox

from ..conftest import PlainBot
from .conftest import Asked, Open


class Talk:
    """Anna on the page in a chat with a plain bot."""

    def __init__(self, tab: Asked, anna: int, bot: Bot, peer: dict[str, Any], client: Any) -> None:
        self.tab, self.anna, self.bot, self.peer, self.client = tab, anna, bot, peer, client

    async def say(self, text: str, random_id: int) -> None:
        await self.tab.call(
            self.anna, "messages.sendMessage", peer=self.peer, message=text, random_id=random_id
        )

    async def hears(self, text: str) -> int:
        """Return the id of a message of the bot, for Anna, once it is there."""

        def has_it(told: dict[str, Any]) -> bool:
            return bool(self._message(told, text))

        return self._message(await self.tab.heard("updates", has_it), text)

    @staticmethod
    def _message(told: dict[str, Any], text: str) -> int:
        found = [each.get("message", {}) for each in told["updates"]["updates"]]
        return next((each["id"] for each in found if each.get("message") == text), 0)

    async def story(self, message: int) -> Any:
        return await self.tab.ask("wire-story", account=self.anna, peer=self.bot.id, message=message)

    async def rows(self, **wanted: object) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await self.tab.ask("wire-open", **wanted))["rows"]
        return rows


@pytest.fixture
async def talk(sandbox: Sandbox, tab: Asked, plain_bot: PlainBot) -> Talk:
    account = sandbox.new_bot("echo_bot")
    client = await plain_bot(account.token)

    async def answer(event: Any) -> None:
        if event.raw_text == "silence":
            return
        send = event.reply if event.raw_text.startswith("reply") else event.respond
        await send(f"heard: {event.raw_text}", buttons=[Button.inline("press", b"it")])

    async def press(event: Any) -> None:
        await event.answer("noticed")
        await event.edit("pressed")

    client.add_event_handler(answer, events.NewMessage(incoming=True))
    client.add_event_handler(press, events.CallbackQuery())
    anna = await tab.ask("add", name="Anna", username="anna_page")
    await tab.ask("watch", accounts=[anna["id"]])
    found = await tab.call(anna["id"], "contacts.resolveUsername", username="echo_bot")
    user = found["users"][0]
    peer = {"_": "inputPeerUser", "user_id": user["id"], "access_hash": user["access_hash"]}
    return Talk(tab, anna["id"], account, peer, client)


async def test_what_was_before_the_panel_was_opened_is_shown(talk: Talk) -> None:
    await talk.say("hello", 1)
    await talk.hears("heard: hello")
    rows = await talk.rows()
    shown = [(each["kind"], each["name"], each["text"]) for each in rows]
    assert ("call", "auth.importBotAuthorization", "") in shown
    assert ("page", "messages.sendMessage", "“hello”") in shown
    assert ("update", "updateNewMessage", "“hello”") in shown
    assert ("call", "messages.sendMessage", "“heard: hello”") in shown
    call = next(each for each in rows if each["text"] == "“heard: hello”")
    assert (call["who"], call["about"], call["out"], call["took"] > 0) == ("@echo_bot", "Anna", False, True)
    answer = next(each for each in rows if each.get("of") == call["number"])
    assert (answer["kind"], answer["name"], answer["method"]) == (
        "answer",
        "updateShortSentMessage",
        "messages.sendMessage",
    )
    assert answer["took"] == call["took"]


async def test_new_rows_come_as_they_happen(talk: Talk) -> None:
    before = (await talk.tab.ask("wire-open"))["last"]
    await talk.say("hello", 1)
    rows: list[dict[str, Any]] = []
    while not any(each["text"] == "“heard: hello”" for each in rows):
        rows += (await talk.tab.heard("wire"))["rows"]
    numbers = [each["number"] for each in rows]
    assert numbers == list(range(before + 1, before + 1 + len(numbers)))


@pytest.mark.parametrize(
    ("wanted", "so"),
    [
        ({"kinds": ["update"]}, lambda row: row["kind"] == "update"),
        ({"words": "SENDMESSAGE heard"}, lambda row: "“heard: " in row["text"]),
        ({"words": "boris"}, lambda row: "Boris" in (row["who"], row["about"])),
        ({"account": 0}, lambda row: row["account"] == 0),
    ],
)
async def test_a_tab_gets_only_what_it_wants(
    sandbox: Sandbox, talk: Talk, wanted: dict[str, object], so: Callable[[dict[str, Any]], bool]
) -> None:
    boris = sandbox.world.new_user("Boris")
    sandbox.world.send_as(boris.id, talk.bot.id, "hi")
    await talk.say("hello", 1)
    await talk.hears("heard: hello")
    every = await talk.rows()
    rows = await talk.rows(**wanted)
    assert rows == [each for each in every if so(each)]
    assert 0 < len(rows) < len(every)
    before = rows[-1]["number"]
    sandbox.world.send_as(boris.id, talk.bot.id, "bye")
    await talk.say("again", 2)
    await talk.hears("heard: again")
    late = {each["number"]: each for each in await talk.rows() if each["number"] > before}
    if wanted != {"account": 0}:
        await talk.rows(**wanted)
        await talk.say("more", 3)
        told = await talk.tab.heard("wire") if wanted != {"words": "boris"} else {"rows": []}
        assert all(so(each) for each in told["rows"])
    assert late


async def test_one_accounts_rows_are_its_own(sandbox: Sandbox, talk: Talk, plain_bot: PlainBot) -> None:
    other = await plain_bot(sandbox.new_bot("other_bot").token)
    await other.get_me()
    await talk.say("hello", 1)
    await talk.hears("heard: hello")
    rows = await talk.rows(account=talk.bot.id)
    assert {each["who"] for each in rows} == {"@echo_bot"}


async def test_a_flood_of_messages_does_not_flood_the_browser(sandbox: Sandbox, talk: Talk) -> None:
    before = (await talk.tab.ask("wire-open"))["last"]
    for _ in range(3):
        await talk.client([functions.help.GetNearestDcRequest() for _ in range(200)])
    shown = left_out = batches = 0
    while shown + left_out < 1200:
        told = await talk.tab.heard("wire")
        batches += 1
        assert len(told["rows"]) <= BATCH
        shown, left_out = shown + len(told["rows"]), left_out + told["left_out"]
        assert told["rows"][-1]["number"] == before + shown + left_out
    assert left_out >= 1200 - BATCH * batches > 0


async def test_a_filter_that_little_passes_looks_at_a_part_of_a_flood_only(
    sandbox: Sandbox, talk: Talk
) -> None:
    await talk.tab.ask("wire-open", words="nothing-has-this-name")
    for _ in range(3):
        await talk.client([functions.help.GetNearestDcRequest() for _ in range(300)])
    told = await talk.tab.heard("wire")
    assert (told["rows"], told["left_out"] > 0) == ([], True)
    assert LOOKED_AT < 1800


async def test_older_rows_are_fetched_page_by_page(talk: Talk) -> None:
    for _ in range(PAGE):
        await talk.client(functions.help.GetNearestDcRequest())
    opened = await talk.tab.ask("wire-open")
    assert (len(opened["rows"]), opened["older"]) == (PAGE, True)
    numbers = [each["number"] for each in opened["rows"]]
    while opened["older"]:
        opened = await talk.tab.ask("wire-more", before=numbers[0])
        numbers = [*(each["number"] for each in opened["rows"]), *numbers]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_a_closed_panel_hears_nothing(talk: Talk, open_tab: Open) -> None:
    other = await open_tab()
    await talk.tab.ask("wire-open")
    await talk.tab.ask("wire-close")
    await other.ask("wire-open")
    await talk.say("hello", 1)
    await other.heard("wire", lambda told: any(each["text"] == "“heard: hello”" for each in told["rows"]))
    await talk.tab.ask("wire-close")  # what had been told before would be here before its answer
    assert not any(each["event"] == "wire" for each in talk.tab._events)


async def test_the_panel_can_be_cleared(talk: Talk) -> None:
    await talk.tab.ask("wire-open")
    await talk.tab.ask("wire-clear")
    await talk.tab.heard("wire-cleared")
    await talk.say("hello", 1)
    await talk.hears("heard: hello")
    rows = await talk.rows()
    assert rows[0]["name"] == "messages.sendMessage"


async def test_an_entry_has_its_message_as_tl_json(talk: Talk) -> None:
    await talk.say("hello", 1)
    await talk.hears("heard: hello")
    rows = {each["text"]: each["number"] for each in await talk.rows() if each["kind"] == "call"}
    entry = await talk.tab.ask("wire-entry", number=rows["“heard: hello”"])
    assert entry["value"]["_"] == "messages.sendMessage"
    assert entry["value"]["peer"]["user_id"] == talk.anna
    assert entry["value"]["reply_markup"]["_"] == "replyInlineMarkup"
    assert (entry["layer"], entry["dc"], entry["seq_no"] % 2) == (229, 2, 1)
    assert int(entry["msg_id"]) % 4 == 0
    answer = await talk.tab.ask("wire-entry", number=entry["answer"])
    assert (answer["value"]["_"], answer["call"]) == ("updateShortSentMessage", entry["number"])
    gone = await talk.tab.ask("wire-entry", number=10**6)
    assert "not recorded any more" in gone["error"]["text"]


async def test_an_error_and_a_fault_stand_in_the_row(sandbox: Sandbox, talk: Talk) -> None:
    sandbox.faults.fail("help.getNearestDc", 400, "PEER_ID_INVALID")
    await asyncio.gather(talk.client(functions.help.GetNearestDcRequest()), return_exceptions=True)
    call, answer = (await talk.rows(words="getNearestDc"))[-1], (await talk.rows(words="PEER_ID"))[-1]
    assert (answer["name"], answer["error"], answer["fault"]) == (
        "PEER_ID_INVALID",
        "400 PEER_ID_INVALID",
        "refused",
    )
    assert call["fault"] == "refused"
    entry = await talk.tab.ask("wire-entry", number=answer["number"])
    assert entry["value"] == {"_": "rpc_error", "error_code": 400, "error_message": "PEER_ID_INVALID"}


async def test_what_cannot_be_read_is_shown_as_bytes(sandbox: Sandbox, talk: Talk) -> None:
    logging.disable(logging.ERROR)  # Telethon logs what it cannot read
    try:
        sandbox.faults.garble(1)
        await talk.say("hello", 1)
        await talk.client(functions.help.GetNearestDcRequest())
    finally:
        logging.disable(logging.NOTSET)
    row = next(each for each in await talk.rows(kinds=["update"]) if "changed or" in each["fault"])
    assert row["name"] == "unreadable"
    entry = await talk.tab.ask("wire-entry", number=row["number"])
    assert entry["value"]["_"] == "unreadable"
    assert entry["value"]["bytes"]


# -- stories


async def test_a_message_shows_its_update_and_what_the_bot_did(talk: Talk) -> None:
    await talk.say("hello", 77)
    await talk.hears("heard: hello")
    told = await talk.story(1)
    (story,) = told["stories"]
    assert (story["bot"]["name"], story["cause"]["who"]) == ("@echo_bot", "Anna")
    assert (story["update"]["name"], story["update"]["late"]) == ("updateNewMessage", False)
    (call,) = story["calls"]
    assert (call["name"], call["summary"], call["sure"]) == (
        "messages.sendMessage",
        "“heard: hello”",
        False,
    )
    assert "probably" in call["why"]
    assert 0.0 == story["cause"]["at"] < story["update"]["at"] < call["at"] == story["first"]
    assert story["seen"] == pytest.approx(call["at"] + call["took"], abs=0.01)
    # The sandbox took the time until the update was sent, and that of the call; the rest is the bot's.
    assert story["sandbox"] == pytest.approx(story["update"]["at"] + call["took"], abs=0.01)
    rows = {each["number"]: each for each in await talk.rows()}
    assert rows[story["update"]["number"]]["text"] == "“hello”"
    assert rows[told["sent"]]["kind"] == "page"


async def test_a_message_of_the_bot_shows_what_it_answers(talk: Talk) -> None:
    await talk.say("one", 1)
    await talk.hears("heard: one")
    await talk.say("two", 2)
    message = await talk.hears("heard: two")
    (story,) = (await talk.story(message))["stories"]
    assert story["update"]["summary"] == "“two”"
    assert [(each["summary"], each["chosen"]) for each in story["calls"]] == [("“heard: two”", True)]


async def test_a_reply_belongs_to_its_message_even_after_the_next_one(talk: Talk) -> None:
    late = asyncio.Event()

    async def later(event: Any) -> None:
        await late.wait()
        await event.reply("late")

    talk.client.add_event_handler(later, events.NewMessage(incoming=True, pattern="silence"))
    await talk.say("silence", 1)
    await talk.say("other", 2)
    await talk.hears("heard: other")
    late.set()
    message = await talk.hears("late")
    (story,) = (await talk.story(message))["stories"]
    (call,) = story["calls"]
    assert (story["update"]["summary"], call["summary"], call["sure"]) == ("“silence”", "“late”", True)
    assert call["why"] == "it replies to this message"
    (other,) = (await talk.story(2))["stories"]
    assert [each["summary"] for each in other["calls"]] == ["“heard: other”"]


async def test_a_press_of_a_button_has_a_story(talk: Talk) -> None:
    await talk.say("hello", 1)
    message = await talk.hears("heard: hello")
    await talk.tab.call(
        talk.anna, "messages.getBotCallbackAnswer", peer=talk.peer, msg_id=message, data="aXQ="
    )
    await talk.hears("pressed")
    sent, press = (await talk.story(message))["stories"]
    assert (sent["press"], sent["calls"][0]["chosen"], len(sent["calls"])) == (False, True, 1)
    assert (press["press"], press["cause"]["name"]) == (True, "messages.getBotCallbackAnswer")
    assert [(each["name"], each["sure"]) for each in press["calls"]] == [
        ("messages.setBotCallbackAnswer", True),
        ("messages.editMessage", False),
    ]
    assert press["calls"][0]["why"] == "it answers this query"


async def test_an_update_that_a_difference_brings_has_a_story(sandbox: Sandbox, talk: Talk) -> None:
    sandbox.faults.lose(1)
    await talk.say("hello", 1)
    await talk.client.catch_up()
    await talk.hears("heard: hello")
    (story,) = (await talk.story(1))["stories"]
    assert (story["update"]["name"], story["update"]["late"]) == ("updates.difference", True)
    assert [each["summary"] for each in story["calls"]] == ["“heard: hello”"]


async def test_an_update_in_a_short_form_has_a_story(sandbox: Sandbox, talk: Talk) -> None:
    await talk.say("silence", 1)
    (copy,) = [each for each in sandbox.world.accounts[talk.bot.id].box if each.peer == talk.anna]
    sandbox.world.accounts[talk.bot.id].log.pts += 1
    short = types.UpdateShortMessage(
        copy.id, talk.anna, "silence", sandbox.world.state(talk.bot.id)[0], 1, None
    )
    trace = sandbox.trace
    assert trace is not None
    trace.clear()
    sandbox.hand(talk.bot.id, bytes(short))
    await talk.client(functions.help.GetNearestDcRequest())
    (story,) = (await talk.story(1))["stories"]
    assert (story["update"]["name"], story["update"]["summary"]) == ("updateShortMessage", "“silence”")


async def test_ids_that_come_again_after_a_step_back_are_told_apart(sandbox: Sandbox, talk: Talk) -> None:
    """A world that goes back gives its ids again; the clock goes on."""
    await talk.say("first", 1)
    await talk.hears("heard: first")
    box = sandbox.world.accounts[talk.anna].box
    story = (await talk.story(1))["stories"][0]
    copy = box.get(1)
    assert copy is not None
    copy.post.date += 100
    later = await talk.story(1)
    assert (later["stories"], later["sent"]) == ([], None)
    assert "No update with this message is recorded" in later["note"]
    assert story["calls"]


async def test_sends_that_are_named_after_their_update_are_certain(
    sandbox: Sandbox, plain_bot: PlainBot, tab: Asked
) -> None:
    account = sandbox.new_bot("named_bot")
    bot = await plain_bot(account.token)
    answered = asyncio.Event()

    def names(bot_id: int, update: Any, chat: int) -> list[int]:
        return [bot_id + chat + update.message.id]

    async def answer(event: Any) -> None:
        if event.raw_text == "two":  # both are answered now, the first one last
            for number in (2, 1):
                peer = types.InputPeerUser(event.sender_id, 0)
                send = functions.messages.SendMessageRequest(
                    peer, f"to {number}", random_id=account.id + event.chat_id + number
                )
                await bot(send)
            answered.set()

    bot.add_event_handler(answer, events.NewMessage(incoming=True))
    async with Page(sandbox, names=names) as page:
        anna = sandbox.world.new_user("Anna")
        sandbox.world.send_as(anna.id, account.id, "one")
        sandbox.world.send_as(anna.id, account.id, "two")
        stories = page._wire._stories
        async with asyncio.timeout(PATIENCE):
            await answered.wait()
        for number in (1, 2):
            story: Any = stories.of(anna.id, account.id, number)["stories"]
            (call,) = story[0]["calls"]
            assert (call["summary"], call["sure"]) == (f"“to {number}”", True)
            assert call["why"] == "its random_id is named after this update"


async def test_a_message_without_a_story_says_why(sandbox: Sandbox, talk: Talk) -> None:
    boris = sandbox.world.new_user("Boris", username="boris_page")
    copy = sandbox.world.send_as(talk.anna, boris.id, "no bot")
    told = await talk.tab.ask("wire-story", account=talk.anna, peer=boris.id, message=copy.id)
    assert (told["stories"], told["note"]) == ([], "No bot gets this message.")
    copy = sandbox.world.send_as(talk.bot.id, talk.anna, "by no call")
    twin = copy.twin(talk.anna)
    assert twin is not None
    assert "not recorded" in (await talk.story(twin.id))["note"]
    nothing = await talk.story(10**6)
    assert "not there any more" in nothing["error"]["text"]


# -- secrets


async def test_no_token_and_no_access_hash_leaves_the_panel(
    sandbox: Sandbox, talk: Talk, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="tgbot"):
        await talk.say("hello", 1)
        message = await talk.hears("heard: hello")
        listed = await talk.rows()
        story = await talk.story(message)
        people = await talk.tab.ask("change", account=talk.anna, name="Anna B")
        wrong = [
            await talk.tab.ask("wire-open", kinds=["no"]),
            await talk.tab.ask("wire-entry", number="1"),
            await talk.tab.ask("wire-story", account=1, peer=1, message=1),
        ]
    secrets = (talk.bot.token, talk.bot.token.split(":")[1], str(talk.peer["access_hash"]))
    said = f"{caplog.text}{people}{wrong}{listed}{story}{talk.tab._events}"
    assert not [secret for secret in secrets if secret in f"{caplog.text}{people}{wrong}"]
    # The list and the stories are looked at over the shoulder: only what is unfolded has them.
    assert not [secret for secret in secrets[:2] if secret in said]
    login = next(each for each in listed if each["name"] == "auth.importBotAuthorization")
    entry = await talk.tab.ask("wire-entry", number=login["number"])
    assert entry["value"]["bot_auth_token"] == talk.bot.token
