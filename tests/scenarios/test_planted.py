"""The search for planted strings finds each form of them, and nothing in ordinary lines."""

from __future__ import annotations

import logging

import pytest

from tests.scenarios.planted import API_HASH, NAME, TEXT, access_hashes, leaks, recording, trial
from tgbot.sandbox.world import World


@pytest.mark.parametrize("word", [NAME, TEXT, API_HASH])
def test_a_planted_word_is_found_in_each_form(word: str) -> None:
    raw = word.encode()
    for form in (
        word,
        repr(raw),
        raw.hex(),
        raw.hex(" "),
        str(list(raw)),
        "".join(f"\\x{b:02x}" for b in raw),
    ):
        assert leaks(f"a line before\nsomething: {form}, and more"), form


def test_tokens_phone_numbers_and_raw_bytes_are_found() -> None:
    world = World(seed=1)
    user = world.new_user("Ann")
    for secret in (
        world.new_bot("the_bot").token,
        str(user.phone),
        repr(b"\x15\xc4\xb5"),
        "\ufffd",
        "ab" * 16,
    ):
        assert leaks(f"something: {secret}"), secret


def test_access_hashes_are_found_as_numbers_and_as_bytes() -> None:
    world = World(seed=1)
    bot, user = world.new_bot("the_bot"), world.new_user("Ann")
    group = world.new_channel("Group", megagroup=True, creator=user.id)
    hashes = access_hashes(world, bot.id)
    for viewed, kind in ((user.id, b"user"), (group.id, b"channel")):
        number = world.accounts.access_hash(bot.id, viewed, kind=kind)
        for form in (
            number,
            number % 2**64,
            hex(number % 2**64),
            number.to_bytes(8, "little", signed=True).hex(),
        ):
            assert leaks(f"access_hash={form})", hashes), form
    assert not leaks(f"user {user.id} in chat {group.marked}", hashes)


def test_ordinary_lines_hold_nothing() -> None:
    assert not leaks(
        "2026-11-26 18:00:00 WARNING tgbot.telegram.login: Telegram asks to wait 1800 s\n"
        "ERROR unhandled exception in plugin.register.echo (update m5000001305:9, dialog 5000001305)\n"
        'File "/srv/tgbot/client.py", line 17, in run, <Task at 0x7f0011223344>'
    )


def test_records_are_kept_by_trial_with_their_tracebacks() -> None:
    logger = logging.getLogger("tgbot.somewhere")
    with recording() as records:
        trial.set("one")
        try:
            int(f"no number, but {TEXT}")
        except ValueError:
            logger.exception("it failed")
        trial.set("two")
        logger.debug("nothing to see")
    assert leaks(records.of("one"))
    assert "nothing to see" in records.of("two")
    assert not leaks(records.of("two"))
