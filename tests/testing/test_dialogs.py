"""What people do and what they hear, with a bot in the test's process, and one that is killed."""

from __future__ import annotations

import re

import pytest
from telethon import Button
from telethon.tl import types

from tgbot.testing import Bot, Failure, NewPerson

pytestmark = pytest.mark.tgbot(plugins=["tests.testing.shop"], in_process=True)


@pytest.mark.tgbot(in_process=False)
async def test_a_killed_bot_goes_on_where_it_was(bot: Bot, person: NewPerson) -> None:
    anna = await person("Anna")
    await anna.says("/order")
    await anna.hears("Which size?")
    await bot.kill(start=False)
    await anna.says("echo before the start")
    await bot.start()
    await anna.hears("echo before the start")
    assert await anna.presses("M") == "You chose M"
    await anna.sees_edited("Size M")
    await anna.says("/child")
    await anna.hears("a process that lasts")
    await bot.stop()
    assert not bot.running
    await bot.start()
    await anna.says("echo after the stop")
    await anna.hears(re.compile("^echo after"))
    await anna.hears_nothing()


async def test_buttons_are_pressed_by_their_label(bot: Bot, person: NewPerson) -> None:
    anna = await person("Anna")
    await anna.says("/order")
    await anna.sees_buttons("S", "M")
    assert anna.buttons() == [["S", "M"]]
    assert await anna.presses("S") == "You chose S"
    assert (await anna.sees_edited("Size S")).buttons is None
    await anna.says("/menu")
    assert await anna.presses("Site") == "https://example.com/menu"
    await anna.says("/keyboard")
    assert await anna.presses("echo tea") == ""
    await anna.hears("Which size?")
    await anna.hears("Look:")
    await anna.hears("Which one?")
    await anna.hears("echo tea")
    await anna.presses("My number")
    await anna.hears("MessageMediaContact")
    await anna.presses("Here")
    await anna.hears("MessageMediaGeo")
    with pytest.raises(
        Failure, match=r"Anna sees no button \[L\], only \[echo tea\], \[My number\], \[Here\]"
    ):
        await anna.presses("L", within=0)


async def test_people_send_what_apps_send(bot: Bot, person: NewPerson) -> None:
    anna = await person("Anna")
    await anna.sends(photo=True, caption="cat")
    await anna.hears("MessageMediaPhoto cat")
    await anna.sends(file=b"%PDF", file_name="bill.pdf")
    await anna.hears("MessageMediaDocument")
    await anna.sends(contact=("+49301234", "Boris"))
    await anna.hears("MessageMediaContact")
    await anna.sends(location=(48.1, 11.5))
    await anna.hears("MessageMediaGeo")
    first, second = await anna.sends(album=[True, True], caption="two")
    assert first.grouped_id == second.grouped_id is not None
    for _ in range(2):
        await anna.hears("MessageMediaPhoto")
    said = await anna.says("echo here")
    await anna.hears("echo here")
    await anna.edits(said, "echo there")
    await anna.hears("changed: echo there")
    await anna.forwards(said)
    await anna.hears("echo there")
    await anna.says("echo yes", reply_to=said)
    await anna.hears("echo yes")
    with pytest.raises(TypeError, match="sends what"):
        await anna.sends(caption="nothing")


@pytest.mark.tgbot(plugins=["tests.testing.mirror"])
async def test_people_reply_forward_and_format(bot: Bot, person: NewPerson) -> None:
    anna = await person("Anna")
    first = await anna.sends(file=b"ab", file_name="notes.txt")
    assert first.document.mime_type == "text/plain"
    # Before the client has met the bot in a message.
    await anna.forwards(first)
    await anna.hears("file of 2")
    await anna.hears("forwarded, an own message")
    start = await anna.starts("spring")
    await anna.sends(location=True, reply_to=start)
    await anna.hears("Anna")
    await anna.hears("MessageMediaGeo, to '/start spring'")
    bold = types.MessageEntityBold(0, 3)
    said = await anna.says("one two", reply_to=start, entities=[bold])
    await anna.hears("You sent 'one two', MessageEntityBold {'offset': 0, 'length': 3}, to '/start")
    await anna.edits(said, "two one", entities=[bold])
    await anna.hears("You changed it into 'two one', MessageEntityBold")


async def test_a_deleted_message_is_seen_to_go(bot: Bot, person: NewPerson) -> None:
    anna = await person("Anna")
    await anna.says("/secret")
    await anna.sees_deleted(await anna.hears("Burn this"))
    await anna.says("echo stay")
    stays = await anna.hears("echo stay")
    with pytest.raises(Failure, match=r"(?s)Anna still sees after 0 s:\necho stay\n.*the bot deletes"):
        await anna.sees_deleted(stays, within=0)


async def test_a_wrong_answer_fails_at_once_and_shows_the_dialog(bot: Bot, person: NewPerson) -> None:
    anna = await person("Anna")
    await anna.says("/order")
    with pytest.raises(Failure) as failed:
        await anna.hears("Which colour?", within=60)
    lines = str(failed.value).splitlines()
    assert lines[:3] == ["Anna expected 'Which colour?', and heard:", "Which size?", "[S] [M]"]
    assert lines[4:8] == [
        "The dialogs so far:",
        "  Anna → bot: /order",
        "  bot → Anna: Which size?",
        "              [S] [M]",
    ]
    with pytest.raises(Failure, match=r"Anna did not hear a match of '\^size' within 0 s"):
        await anna.hears(re.compile("^size"), within=0)
    with pytest.raises(Failure, match="Anna did not see a message changed into a message within 0 s"):
        await anna.sees_edited(within=0)
    with pytest.raises(Failure, match=re.escape("expected the buttons ['L'], and sees [['S', 'M']]")):
        await anna.sees_buttons("L", within=0)


async def test_hearing_nothing_waits_for_what_was_sent_and_no_longer(bot: Bot, person: NewPerson) -> None:
    anna, boris = await person("Anna"), await person("Boris")
    await boris.says("echo to Boris")
    await anna.hears_nothing()
    await boris.hears("echo to Boris")
    await anna.says("/slow")
    with pytest.raises(Failure, match="Anna expected to hear nothing, and heard:\nslow and steady"):
        await anna.hears_nothing()


async def test_hearing_nothing_waits_until_people_have_what_was_said(bot: Bot, person: NewPerson) -> None:
    anna = await person("Anna")
    await anna.says("echo one")
    await anna.hears("echo one")
    bot.sandbox.faults.withhold(anna.id)
    await anna.says("echo two")
    with pytest.raises(Failure, match=r"the bot did not finish what it was sent within 0\.2 s"):
        await bot.finished(within=0.2)
    bot.sandbox.faults.release(anna.id)
    await bot.finished()
    await anna.hears("echo two", within=0)


async def test_a_block_and_its_end_reach_the_bot(bot: Bot, person: NewPerson) -> None:
    anna = await person("Anna")
    await anna.starts(f"https://t.me/{bot.username}?start=spring")
    await anna.hears("Anna")
    await anna.blocks()
    await bot.finished()
    user = bot.parts.users.get(anna.id)
    assert user is not None
    assert user.last_payload == "spring"
    assert user.verdict(bot.parts.clock()).access == "blocked"
    await anna.unblocks()
    await bot.finished()
    user = bot.parts.users.get(anna.id)
    assert user is not None
    assert user.verdict(bot.parts.clock()).access == "reachable"


async def test_people_are_who_the_test_says_they_are(bot: Bot, person: NewPerson) -> None:
    anna = await person("Anna", username="anna_a", language="ru", premium=True)
    boss = await person("Boss", admin=True)
    await anna.starts()
    await anna.hears("Здравствуйте")
    await boss.says(f"/check @{anna.username}")
    await boss.hears("Anna")
    await anna.says("/check @anna_a")
    assert bot.parts.admins == {boss.id}
    assert (await bot.parts.client.get_entity(anna.id)).premium


async def test_a_group_has_people_who_come_and_go(bot: Bot, person: NewPerson) -> None:
    anna, boris, clara = await person("Anna"), await person("Boris"), await person("Clara")
    friends = await bot.group("Friends", anna, boris, admin=True)
    assert friends.members == {anna.id, boris.id, bot.id}
    await anna.says(f"/order@{bot.username}", chat=friends)
    await anna.hears_nothing(chat=friends)
    await boris.says("echo all", chat=friends)
    for one in (anna, boris):
        await one.hears("echo all", chat=friends)
        await one.hears_nothing()
    await clara.joins(friends)
    await clara.hears("Welcome, Clara", chat=friends)
    await clara.leaves(friends)
    assert clara.id not in friends.members
    await clara.asks_to_join(friends)
    await clara.hears("Friends")
    with pytest.raises(TypeError, match="who creates the group"):
        await bot.group("Nobody")


async def test_time_goes_forward_for_bot_and_people(bot: Bot, person: NewPerson) -> None:
    anna = await person("Anna")
    await anna.says("echo before")
    before = await anna.hears("echo before")
    began = bot.time()
    await bot.time.forward(days=1, hours=2)
    assert 0 <= bot.time() - bot.parts.clock() < 2
    assert bot.time() - began > 26 * 3600
    await anna.says("echo after")
    after = await anna.hears("echo after")
    assert (after.date - before.date).total_seconds() > 26 * 3600 - 2
    await bot.time.forward(minutes=2)  # Telegram does not refuse clocks that differ so little
    assert 0 <= bot.time() - bot.parts.clock() < 2
    await anna.says("echo a little later")
    later = await anna.hears("echo a little later")
    assert 118 < (later.date - after.date).total_seconds() < 3600
    await anna.hears_nothing()
    with pytest.raises(ValueError, match="time does not go back"):
        await bot.time.forward(hours=-1)


async def test_a_sandbox_with_faults_is_at_hand(bot: Bot, person: NewPerson) -> None:
    anna = await person("Anna")
    bot.sandbox.faults.drop(bot.id)
    await anna.says("echo on a new link")
    await anna.hears("echo on a new link")
    with pytest.raises(TypeError, match="only a bot that is a process can be killed"):
        await bot.kill()


async def test_who_did_not_hear_a_message_of_a_group_presses_its_button(bot: Bot, person: NewPerson) -> None:
    anna, boris = await person("Anna"), await person("Boris")
    friends = await bot.group("Friends", anna, boris)
    await bot.parts.client.send_message(friends.id, "Which size?", buttons=[Button.inline("S", b"S")])
    question = await anna.hears("Which size?", chat=friends)
    assert await boris.presses("S", message=question) == "You chose S"
