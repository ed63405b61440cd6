"""A person on the page calls Telegram's methods, and hears the updates, as with an app."""

from __future__ import annotations

from typing import Any

from telethon import events

from tgbot.sandbox.server import Sandbox

from ..conftest import PlainBot
from .conftest import Asked, Open


async def test_a_person_on_the_page_talks_to_a_bot_over_the_wire(
    sandbox: Sandbox, tab: Asked, plain_bot: PlainBot
) -> None:
    account = sandbox.new_bot("echo_bot")
    bot = await plain_bot(account.token)

    async def answer(event: Any) -> None:
        await event.reply(f"heard: {event.raw_text}")

    bot.add_event_handler(answer, events.NewMessage(incoming=True))

    anna = await tab.ask("add", name="Anna", username="anna_page", language="ru")
    await tab.ask("watch", accounts=[anna["id"]])
    found = await tab.call(anna["id"], "contacts.resolveUsername", username="echo_bot")
    user = found["users"][0]
    peer = {"_": "inputPeerUser", "user_id": user["id"], "access_hash": user["access_hash"]}
    await tab.call(anna["id"], "messages.sendMessage", peer=peer, message="hello", random_id="12345678901234")
    own = await tab.heard("updates")
    assert own["updates"]["updates"][0]["message"]["message"] == "hello"
    said = await tab.heard("updates")
    message = said["updates"]["updates"][0]["message"]
    assert (said["account"], message["message"]) == (anna["id"], "heard: hello")
    assert message["reply_to"]["reply_to_msg_id"] == own["updates"]["updates"][0]["message"]["id"]


async def test_an_rpc_error_has_telegrams_name(tab: Asked) -> None:
    anna = await tab.ask("add", name="Anna")
    refused = await tab.call(anna["id"], "contacts.resolveUsername", username="nobody_here")
    assert (refused["error"]["code"], refused["error"]["name"]) == (400, "USERNAME_NOT_OCCUPIED")


async def test_a_tab_hears_only_whom_it_watches(sandbox: Sandbox, open_tab: Open) -> None:
    one, other = await open_tab(), await open_tab()
    anna, boris = await one.ask("add", name="Anna"), await one.ask("add", name="Boris")
    await one.ask("watch", accounts=[anna["id"]])
    await other.ask("watch", accounts=[boris["id"]])
    sandbox.world.send_as(anna["id"], boris["id"], "hi")
    assert (await one.heard("updates"))["account"] == anna["id"]
    assert (await other.heard("updates"))["account"] == boris["id"]


async def test_all_tabs_learn_of_new_and_changed_people(open_tab: Open) -> None:
    one, other = await open_tab(), await open_tab()
    await other.heard("people")
    anna = await one.ask("add", name="Anna", premium=True)
    listed = await other.heard("people")
    assert listed["people"] == [anna]
    await one.ask("change", account=anna["id"], name="Anna Maria", username="anna_maria")
    changed = (await other.heard("people"))["people"][0]
    assert (changed["name"], changed["username"], changed["premium"]) == ("Anna Maria", "anna_maria", True)


async def test_long_histories_reach_the_page_in_order(sandbox: Sandbox, tab: Asked) -> None:
    anna, boris = await tab.ask("add", name="Anna"), await tab.ask("add", name="Boris")
    await tab.ask("watch", accounts=[boris["id"]])
    for index in range(500):
        sandbox.world.send_as(anna["id"], boris["id"], str(index))
    texts: list[str] = []
    while len(texts) < 500:
        told = await tab.heard("updates")
        texts += [update["message"]["message"] for update in told["updates"]["updates"]]
    assert texts == [str(index) for index in range(500)]
