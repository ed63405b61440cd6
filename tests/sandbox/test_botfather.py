"""BotFather over the wire: people talk to it with plain Telethon."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from telethon import errors, events
from telethon.tl import types
from telethon.tl.functions import photos, users

from tests.patience import PATIENCE
from tests.pictures import jpeg
from tests.sandbox.conftest import Person, PlainBot
from tgbot.sandbox.botfather import botfather
from tgbot.sandbox.server import Sandbox


class Talk:
    """A person's dialog with BotFather."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.heard: asyncio.Queue[Any] = asyncio.Queue()
        client.add_event_handler(self._hear, events.NewMessage(from_users="BotFather"))

    async def _hear(self, event: Any) -> None:
        await self.heard.put(event.message)

    async def hears(self) -> Any:
        async with asyncio.timeout(PATIENCE):
            return await self.heard.get()

    async def ask(self, *texts: str) -> Any:
        """Send messages, each after the answer to the one before; return the last answer."""
        for text in texts:
            await self.client.send_message("BotFather", text)
            answer = await self.hears()
        return answer

    async def full(self, username: str) -> Any:
        given = await self.client.get_input_entity(username)
        return await self.client(users.GetFullUserRequest(given))


Talking = Callable[[str], Awaitable[Talk]]


@pytest.fixture
def talking(person: Person) -> Talking:
    async def start(name: str) -> Talk:
        client = await person(name)
        await client.get_entity("BotFather")
        return Talk(client)

    return start


def token_in(message: Any) -> str:
    """Return what a message shows as code."""
    [(_, token)] = message.get_entities_text(types.MessageEntityCode)
    return str(token)


async def test_a_new_bot_logs_in_with_the_token_and_belongs_to_who_made_it(
    sandbox: Sandbox, talking: Talking, plain_bot: PlainBot
) -> None:
    anna, boris = await talking("Anna"), await talking("Boris")
    assert "/newbot" in (await anna.ask("/start")).raw_text
    made = await anna.ask("/newbot", "Pizza of Anna", "annas_pizza_bot")
    assert made.raw_text.startswith("Your bot is ready: t.me/annas_pizza_bot")
    bot = await plain_bot(token_in(made))
    me = await bot.get_me()
    assert (me.first_name, me.username, me.bot) == ("Pizza of Anna", "annas_pizza_bot", True)
    keys = (await anna.ask("/setname")).reply_markup.rows
    assert [row.buttons[0].text for row in keys] == ["@annas_pizza_bot"]
    assert "no bots" in (await boris.ask("/setname")).raw_text
    sandbox.new_bot("shared_bot")
    keys = (await boris.ask("/setname")).reply_markup.rows
    assert [row.buttons[0].text for row in keys] == ["@shared_bot"]
    assert "no bot with" in (await boris.ask("@annas_pizza_bot")).raw_text


async def test_names_that_cannot_be_are_asked_for_again(sandbox: Sandbox, talking: Talking) -> None:
    anna = await talking("Anna")
    sandbox.new_bot("taken_bot")
    assert "1 to 64" in (await anna.ask("/newbot", "x" * 65)).raw_text
    for username, wrong in (
        ("pizza", "end in"),
        ("_pizza_bot", "5 to 32"),
        ("Taken_Bot", "is taken"),
        ("botfather_bot" + "x" * 30 + "bot", "5 to 32"),
    ):
        answer = await anna.ask("Pizza", username) if username == "pizza" else await anna.ask(username)
        assert wrong in answer.raw_text
    assert "is ready" in (await anna.ask("@pizza_Bot")).raw_text
    assert "not understand" in (await anna.ask("another_bot")).raw_text


async def test_a_token_is_said_again_and_a_revoked_one_is_dead(
    sandbox: Sandbox, talking: Talking, plain_bot: PlainBot
) -> None:
    anna = await talking("Anna")
    first = sandbox.new_bot("the_bot")
    bot = await plain_bot(first.token)
    assert token_in(await anna.ask("/token", "@the_bot")) == first.token
    second = token_in(await anna.ask("/revoke", "the_bot"))
    assert second != first.token
    with pytest.raises(errors.RPCError):
        await bot(users.GetUsersRequest([types.InputUserSelf()]))
    with pytest.raises(errors.AccessTokenExpiredError):
        await plain_bot(first.token)
    assert (await (await plain_bot(second)).get_me()).username == "the_bot"


async def test_what_people_see_of_a_bot_is_changed(sandbox: Sandbox, talking: Talking) -> None:
    anna = await talking("Anna")
    sandbox.new_bot("the_bot")

    async def set_to(command: str, *values: str) -> str:
        return str((await anna.ask(command, "@the_bot", *values)).raw_text)

    await set_to("/setname", "New Name")
    await set_to("/setdescription", "Welcome here")
    assert "too long: 120" in await set_to("/setabouttext", "x" * 121)
    await anna.ask("About me")
    assert "Each line" in await set_to("/setcommands", "Start begin")
    await anna.ask("start - begin\n/help - say more - much more")
    await set_to("/setprivacypolicy", "https://example.com/privacy")
    full = await anna.full("the_bot")
    assert (full.users[0].first_name, full.full_user.about) == ("New Name", "About me")
    info = full.full_user.bot_info
    assert info.description == "Welcome here"
    assert [(one.command, one.description) for one in info.commands] == [
        ("start", "begin"),
        ("help", "say more - much more"),
    ]
    assert info.privacy_policy_url == "https://example.com/privacy"
    await set_to("/setdescription", "/empty")
    await set_to("/setcommands", "/empty")
    info = (await anna.full("the_bot")).full_user.bot_info
    assert (info.description, info.commands) == (None, [])


async def test_a_photo_is_set(sandbox: Sandbox, talking: Talking) -> None:
    anna = await talking("Anna")
    token = sandbox.new_bot("the_bot")
    await anna.ask("/setuserpic", "@the_bot")
    assert "no photo" in (await anna.ask("here it is")).raw_text
    await anna.client.send_file("BotFather", await anna.client.upload_file(jpeg(), file_name="a.jpg"))
    assert (await anna.hears()).raw_text == "The photo is changed."
    user = await anna.client.get_input_entity("the_bot")
    shown = (await anna.client(photos.GetUserPhotosRequest(user, 0, 0, 9))).photos
    assert [photo.id for photo in sandbox.world.accounts[token.id].photos] == [shown[0].id]
    assert await anna.client.download_profile_photo("the_bot", bytes)


@pytest.mark.parametrize(
    ("command", "value", "field", "before", "after"),
    [
        ("/setinline", "Search pizza", "inline", None, "Search pizza"),
        ("/setinlinefeedback", "Enable", "inline_feedback", False, True),
        ("/setinlinegeo", "Enable", "inline_geo", False, True),
        ("/setjoingroups", "Disable", "joins_groups", True, False),
        ("/setprivacy", "Disable", "sees_all", False, True),
        ("/setdomain", "https://Example.com/", "domain", "", "example.com"),
    ],
)
async def test_a_setting_is_changed(
    sandbox: Sandbox, talking: Talking, command: str, value: str, field: str, before: Any, after: Any
) -> None:
    anna = await talking("Anna")
    profile = sandbox.world.accounts[sandbox.new_bot("the_bot").id].profile
    await anna.ask(command, "@the_bot")
    assert getattr(profile, field) == before
    if command not in ("/setinline",):
        assert "try again" in (await anna.ask("not / a value")).raw_text
    await anna.ask(value)
    assert getattr(profile, field) == after


async def test_a_bot_is_deleted_by_who_is_sure(
    sandbox: Sandbox, talking: Talking, plain_bot: PlainBot
) -> None:
    anna = await talking("Anna")
    token = sandbox.new_bot("the_bot")
    assert "is kept" in (await anna.ask("/deletebot", "@the_bot", "yes")).raw_text
    assert (await anna.ask("Yes, delete it")).raw_text == "@the_bot is deleted."
    with pytest.raises(errors.RPCError):
        await plain_bot(token.token)
    assert "no bots" in (await anna.ask("/mybots")).raw_text


async def test_what_was_begun_is_cancelled(talking: Talking) -> None:
    anna = await talking("Anna")
    assert "nothing" in (await anna.ask("/cancel")).raw_text
    assert (await anna.ask("/newbot", "/cancel")).raw_text == "/newbot is cancelled."
    assert "not understand" in (await anna.ask("Pizza")).raw_text
    assert "do not know /dance" in (await anna.ask("/dance")).raw_text
    assert "no text" in (await anna.ask("/empty")).raw_text


async def test_the_list_of_bots_has_buttons(sandbox: Sandbox, talking: Talking) -> None:
    anna = await talking("Anna")
    token = sandbox.new_bot("the_bot", "The Bot")
    listed = await anna.ask("/mybots")
    await listed.click(0)
    [message] = await anna.client.get_messages("BotFather", ids=[listed.id])
    assert message.raw_text.startswith("The Bot (@the_bot)\n\nGroups: on\nPrivacy mode: on\n")
    await message.click(text="Token")
    [message] = await anna.client.get_messages("BotFather", ids=[listed.id])
    assert token.token in message.raw_text
    await message.click(text="« All bots")
    [message] = await anna.client.get_messages("BotFather", ids=[listed.id])
    assert message.raw_text == listed.raw_text


async def test_a_dialog_goes_on_in_a_copy_of_the_world(sandbox: Sandbox, talking: Talking) -> None:
    anna = await talking("Anna")
    await anna.ask("/newbot", "Pizza")
    world = pickle.loads(pickle.dumps(sandbox.world))
    person, answered = world.accounts[(await anna.client.get_me()).id], asyncio.Event()
    world.subscribe(lambda account: answered.set() if len(person.box) == 6 else None)
    world.send_as(person.id, botfather(world).account.id, "pizza_copy_bot")
    async with asyncio.timeout(PATIENCE):
        await answered.wait()
    assert "is ready" in list(person.box)[-1].post.text
    assert world.accounts.holder("pizza_copy_bot")
    assert sandbox.world.accounts.holder("pizza_copy_bot") is None


async def test_a_world_has_no_botfather_until_somebody_looks_for_it(sandbox: Sandbox, person: Person) -> None:
    await person("Ann")
    assert len(sandbox.world.accounts) == 1
