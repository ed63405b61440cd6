"""What counts as lost and as said twice."""

from __future__ import annotations

import pytest
from telethon.tl import types

from tgbot.sandbox.accounts import Account, Bot
from tgbot.sandbox.dialogs import Copy, Post
from tgbot.sandbox.page.counting import Count
from tgbot.sandbox.world import World


@pytest.fixture
def count(world: World, bot: Bot) -> Count:
    """A count for a bot of which something has just gone wrong."""
    count = Count(world, bot.id)
    count.endanger()
    return count


def say(world: World, bot: Bot, to: Account, text: str, name: int | None = None) -> Copy:
    """Have the bot send a text under a random_id."""
    return world.posts.add(world.accounts[bot.id], to.id, Post(bot.id, world.date(), text), random_id=name)


def counted(count: Count, *, idle: bool = True) -> tuple[int, int, int]:
    """Return how many messages wait, are lost, and were said twice."""
    count.read()
    if idle:
        count.idle(count.place)
    shown = count.shown()
    return shown["waiting"], shown["lost"], shown["twice"]  # type: ignore[return-value]


def test_a_bot_that_nothing_has_happened_to_may_have_nothing_to_say(
    world: World, bot: Bot, anna: Account
) -> None:
    count = Count(world, bot.id)
    world.send_as(anna.id, bot.id, "hello")
    assert counted(count, idle=False) == (1, 0, 0)
    assert counted(count) == (0, 0, 0)
    assert count.unanswered == 1
    # The next answer is to the next message.
    world.send_as(anna.id, bot.id, "a question")
    count.read()
    count.cut()
    world.send_as(anna.id, bot.id, "and another one")
    say(world, bot, anna, "the answer")
    assert counted(count) == (0, 1, 0)
    world.send_as(anna.id, bot.id, "it is well again")
    say(world, bot, anna, "the second answer")
    assert counted(count) == (0, 0, 0)
    assert count.unanswered == 2


def test_what_comes_while_a_fault_is_on_may_be_lost(world: World, bot: Bot, anna: Account) -> None:
    faulty = True
    count = Count(world, bot.id, lambda: faulty)
    for text in ("one", "two"):
        world.send_as(anna.id, bot.id, text)
        count.read()
        count.idle(count.place)
    faulty = False
    count.idle(count.place)
    world.send_as(anna.id, bot.id, "three")
    assert counted(count) == (0, 2, 0)


def test_a_message_waits_until_it_is_answered(world: World, bot: Bot, anna: Account, count: Count) -> None:
    world.send_as(anna.id, bot.id, "hello")
    assert counted(count, idle=False) == (1, 0, 0)
    say(world, bot, anna, "hello, Anna")
    assert counted(count, idle=False) == (0, 0, 0)


def test_what_an_idle_bot_has_passed_is_lost_until_it_is_answered_after_all(
    world: World, bot: Bot, anna: Account, count: Count
) -> None:
    world.send_as(anna.id, bot.id, "one")
    world.send_as(anna.id, bot.id, "two")
    say(world, bot, anna, "an answer")
    assert counted(count) == (0, 1, 0)
    assert count.shown()["which_lost"] == [
        {"who": "Anna Smith", "text": "two", "date": count.lost[0].post.date}
    ]
    world.send_as(anna.id, bot.id, "three")
    assert counted(count, idle=False) == (1, 1, 0)
    say(world, bot, anna, "the second answer")
    say(world, bot, anna, "the third answer")
    assert counted(count) == (0, 0, 0)


def test_a_reply_answers_its_own_message(world: World, bot: Bot, anna: Account, count: Count) -> None:
    first = world.send_as(anna.id, bot.id, "one")
    second = world.send_as(anna.id, bot.id, "two").twin(bot.id)
    assert second is not None
    world.posts.add(
        world.accounts[bot.id], anna.id, Post(bot.id, 0, "to the second"), reply_to=second.id, random_id=5
    )
    assert counted(count) == (0, 1, 0)
    assert count.lost == [first.twin(bot.id)]


def test_a_name_that_became_two_messages_is_said_twice(
    world: World, bot: Bot, anna: Account, count: Count
) -> None:
    world.send_as(anna.id, bot.id, "one")
    world.send_as(anna.id, bot.id, "two")
    say(world, bot, anna, "the answer", name=7)
    world.forget_random_ids()
    say(world, bot, anna, "the answer", name=7)
    # The second one answers nothing.
    assert counted(count) == (0, 1, 1)


def test_the_same_words_after_a_kill_are_said_twice_if_nobody_has_asked_again(
    world: World, bot: Bot, anna: Account, count: Count
) -> None:
    world.send_as(anna.id, bot.id, "one")
    say(world, bot, anna, "the answer", name=7)
    say(world, bot, anna, "the answer", name=8)
    assert counted(count) == (0, 0, 0), "a bot may repeat itself"
    count.cut()
    say(world, bot, anna, "the answer", name=9)
    assert counted(count) == (0, 0, 1)


def test_the_same_words_after_a_kill_answer_the_same_question_again(
    world: World, bot: Bot, anna: Account, count: Count
) -> None:
    world.send_as(anna.id, bot.id, "one")
    say(world, bot, anna, "the answer", name=7)
    count.read()
    count.cut()
    world.send_as(anna.id, bot.id, "one")
    say(world, bot, anna, "the answer", name=8)
    assert counted(count) == (0, 0, 0)


def test_an_edit_answers_a_message_but_not_if_it_is_for_a_press(
    world: World, bot: Bot, anna: Account, count: Count
) -> None:
    menu = say(world, bot, anna, "a menu")
    world.send_as(anna.id, bot.id, "a message")
    count.read()
    count.pressed(anna.id)
    world.posts.edited(menu)
    assert counted(count) == (0, 1, 0)
    world.posts.edited(menu)
    assert counted(count) == (0, 0, 0)


def test_an_album_is_one_message_and_who_blocks_the_bot_is_owed_nothing(
    world: World, bot: Bot, anna: Account, count: Count
) -> None:
    for _ in range(3):
        world.send_as(anna.id, bot.id, "", media=types.MessageMediaDice(1, "🎲"), grouped_id=5)
    assert counted(count) == (0, 1, 0)
    world.block(anna.id, bot.id)
    assert counted(count) == (0, 0, 0)


def test_what_was_before_the_count_and_what_is_no_message_to_the_bot_do_not_count(
    world: World, bot: Bot, anna: Account
) -> None:
    world.send_as(anna.id, bot.id, "long ago")
    count = Count(world, bot.id)
    count.endanger()
    world.send_as(anna.id, world.new_user("Boris").id, "a letter")
    world.allow(bot.id, anna.id, from_request=True)
    assert counted(count) == (0, 0, 0)
    count.endanger()
    deleted = world.send_as(anna.id, bot.id, "a mistake")
    assert counted(count) == (0, 1, 0)
    world.posts.delete([deleted], revoke=True)
    assert counted(count) == (0, 0, 0)
