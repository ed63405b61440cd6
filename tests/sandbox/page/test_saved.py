"""What is recorded becomes a test that says the same; what differs from run to run becomes a pattern."""

from __future__ import annotations

import ast
import base64
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon.tl import types

from tgbot.sandbox.page.records import (
    Album,
    Blocked,
    Changed,
    Deleted,
    Edited,
    Fault,
    GroupOpened,
    Heard,
    Joined,
    Left,
    LeftOut,
    Media,
    Origin,
    Pressed,
    Process,
    Record,
    Said,
    Settled,
    Turned,
    Who,
)
from tgbot.sandbox.page.saved import Saved, save
from tgbot.sandbox.page.wording import expected, identifier, literal

ANNA = Who(1, "Anna", username="anna_s", language="ru", premium=True, admin=True)
BORIS = Who(2, "Boris Jr.", last_name="Smith")


def saved(*records: Record, people: Sequence[Who] = (ANNA,), origin: Origin | None = None) -> Saved:
    made = save("what was done!", records, people, origin or Origin())
    ast.parse(made.text)
    return made


def body(*records: Record, people: Sequence[Who] = (ANNA,)) -> list[str]:
    """Return the lines after the people were introduced, without the last one, which asks for silence."""
    lines = [line.strip() for line in saved(*records, people=people).text.splitlines()]
    start = max(
        index for index, line in enumerate(lines) if "await person(" in line or "sandbox.world" in line
    )
    return [line for line in lines[start + 1 :] if line and "hears_nothing" not in line]


def test_a_bot_that_answers_while_it_starts_is_started_first() -> None:
    done = Said((1, 1), "a"), Process("kill"), Heard((1, 2), "b"), Process("start"), Heard((1, 3), "c")
    assert body(*done) == [
        "await bot.kill(start=False)",
        'await anna.says("a")',
        "await bot.start()",
        'await anna.hears("b")',
        'await anna.hears("c")',
    ]


def test_what_the_bot_had_not_got_to_when_it_was_killed_is_said_to_a_dead_one() -> None:
    done = Said((1, 1), "a"), Heard((1, 2), "b"), Said((1, 3), "c"), Blocked(1, True), Process("kill")
    assert body(*done) == [
        'await anna.says("a")',
        'await anna.hears("b")',
        "await bot.kill(start=False)",
        'await anna.says("c")',
        "await anna.blocks()",
    ]
    # What an idle bot had nothing to say to is said to a living one.
    assert body(Said((1, 1), "a"), Settled(), Process("kill"))[0] == 'await anna.says("a")'


def test_people_are_as_they_were_and_the_marker_is_that_of_the_bot() -> None:
    origin = Origin({"username": "the_bot", "plugins": ["shop"]}, note="The bot of the shop.")
    made = saved(Said((1, 1), "hi"), people=(ANNA, BORIS), origin=origin)
    assert made.file == "test_what_was_done.py"
    assert made.left_out == ()
    for line in (
        "# The bot of the shop.",
        "@pytest.mark.tgbot(username='the_bot', plugins=['shop'])",
        "async def test_what_was_done(bot, person, sandbox):",
        "anna = await person(\"Anna\", username='anna_s', language='ru', premium=True, admin=True)",
        'boris_jr = await person("Boris Jr.")',
        "sandbox.world.set_name(boris_jr.id, 'Boris Jr.', 'Smith')",
        "await anna.hears_nothing()",
    ):
        assert f"{line}\n" in made.text


def test_what_people_do_and_hear_is_written_in_order() -> None:
    menu, sizes = (1, 2), ("S", "M")
    assert body(
        Said((1, 1), "/start spring", start="spring"),
        Heard(menu, "Which size?", sizes),
        Pressed(menu, "M", b"M", ["M it is"]),
        Edited(menu, "Size M"),
        Said((1, 3), "no", reply_to=2),
        Changed((1, 3), "yes"),
        Said((1, 4), "", media=Media.PHOTO),
        Said((1, 5), "mine", media=Media.CONTACT, content=("", "Anna")),
        Said((1, 6), "", media=Media.FILE, content=(b"ab", "a.txt")),
        Heard((1, 7), "", media=True),
        Deleted((1, 7), by_bot=True),
        Blocked(1, blocked=True),
        Process("kill"),
        Process("start"),
        Fault("drop {bot.id}"),
        Fault("clear"),
    ) == [
        'await anna.starts("spring")',
        'message_1 = await anna.hears("Which size?")',
        'await anna.sees_buttons("S", "M")',
        'assert await anna.presses("M") == "M it is"',
        'await anna.sees_edited("Size M")',
        "await anna.sees_buttons()",
        'message_2 = await anna.says("no", reply_to=message_1)',
        "# Not in this test: that the bot was still busy before what follows.",
        "await bot.finished()",
        'await anna.edits(message_2, "yes")',
        "# Not in this test: what is on the next picture.",
        "await anna.sends(photo=True)",
        'await anna.sends(contact=True, caption="mine")',
        "await anna.sends(file=b'ab', file_name=\"a.txt\")",
        "# Not in this test: a message that the bot deleted at once.",
        "await anna.blocks()",
        "await bot.kill(start=False)",
        "await bot.start()",
        'await sandbox.command(f"drop {bot.id}")',
        'await sandbox.command("clear")',
    ]


def test_replies_forwards_and_formatted_texts_are_written() -> None:
    bold, link = types.MessageEntityBold(0, 2), types.MessageEntityTextUrl(0, 3, "https://example.org")
    assert body(
        Said((1, 1), "/start spring", start="spring"),
        Said((1, 2), "to the start", reply_to=1, entities=[bold]),
        Said((1, 3), "", media=Media.LOCATION, content=(1.5, 2.5), reply_to=2),
        Said((1, 4), "", media=Media.LOCATION, content=(1.5, 2.5), forwarded=3),
        Changed((1, 2), "new", entities=[link], lacks=["a mention"]),
    ) == [
        'message_1 = await anna.starts("spring")',
        'message_2 = await anna.says("to the start", reply_to=message_1, '
        "entities=[types.MessageEntityBold(offset=0, length=2)])",
        "message_3 = await anna.sends(location=(1.5, 2.5), reply_to=message_2)",
        "await anna.forwards(message_3)",
        "# Not in this test: that the bot was still busy before what follows.",
        "await bot.finished()",
        "# Not in this test: a mention.",
        'await anna.edits(message_2, "new", '
        "entities=[types.MessageEntityTextUrl(offset=0, length=3, url='https://example.org')])",
    ]
    assert "\nfrom telethon.tl import types\n" in saved(Said((1, 1), "a", entities=[bold])).text


def test_a_forwarded_message_that_the_test_does_not_have_is_sent_with_a_comment() -> None:
    assert body(Said((1, 2), "hi", forwarded=1)) == [
        "# Not in this test: that a message was forwarded.",
        'await anna.says("hi")',
    ]


def test_an_album_is_sent_as_one_and_each_item_can_be_answered() -> None:
    one = Said((1, 1), "cats", media=Media.PHOTO, content=(b"1",))
    other = Said((1, 2), "", media=Media.PHOTO, content=(b"2",))
    assert body(Album(5, [one, other])) == ["await anna.sends(album=[b'1', b'2'], caption=\"cats\")"]
    assert body(Album(5, [one, other]), Said((1, 3), "this", reply_to=2)) == [
        "message_2, message_1 = await anna.sends(album=[b'1', b'2'], caption=\"cats\")",
        'await anna.says("this", reply_to=message_1)',
    ]


def test_an_album_that_tests_cannot_send_is_sent_one_by_one_with_a_comment() -> None:
    files = [Said((1, n), "", media=Media.FILE, content=(b"ab", "a.txt")) for n in (1, 2)]
    assert body(Album(5, files)) == [
        "# Not in this test: that several files were an album.",
        *["await anna.sends(file=b'ab', file_name=\"a.txt\")"] * 2,
    ]


def test_a_small_file_is_in_the_test_and_a_large_one_is_named() -> None:
    for media, content in (
        (Media.FILE, bytes(range(256)) * 16),
        (Media.FILE, b"\x00"),
        (Media.PHOTO, b"\xff" * 4096),
    ):
        made = saved(Said((1, 1), "", media=media, content=(content, "a.bin")[: 1 + (media is Media.FILE)]))
        (call,) = [
            node
            for node in ast.walk(ast.parse(made.text))
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "base64.b64decode"
        ]
        assert base64.b64decode(ast.literal_eval(call.args[0])) == content
        assert made.left_out == ()
        assert made.text.count("import base64\n") == 1
    large = saved(Said((1, 1), "", media=Media.FILE, content=(bytes(4097), "a.bin")))
    assert large.left_out == ("what is in the next file, which has 4097 bytes",)
    assert saved(Said((1, 1), "", media=Media.PHOTO, content=(bytes(4097),))).left_out == (
        "what is on the next picture",
    )


def test_what_happens_in_a_group_is_written_with_the_group() -> None:
    question = (-7, 2)
    made = saved(
        GroupOpened(-7, "Friends", (1, 2), admin=True),
        Said((-7, 1), "/ask", who=2),
        Heard(question, "Which size?", ("S", "M")),
        Pressed(question, "M", b"M", ["M it is"], who=2),
        Edited(question, "Size M"),
        Said((-7, 3), "no", reply_to=2, who=2),
        Joined(2, -7),
        Left(2, -7),
        Left(1, -7),
        people=(ANNA, BORIS),
    )
    start = made.text.index("    friends =")
    assert [line.strip() for line in made.text[start:].splitlines()] == [
        'friends = await bot.group("Friends", anna, boris_jr, admin=True)',
        'await boris_jr.says("/ask", chat=friends)',
        'message_1 = await anna.hears("Which size?", chat=friends)',
        'await anna.sees_buttons("S", "M", message=message_1)',
        'assert await boris_jr.presses("M", message=message_1) == "M it is"',
        'await anna.sees_edited("Size M")',
        "await anna.sees_buttons(message=message_1)",
        'await boris_jr.says("no", chat=friends, reply_to=message_1)',
        "await boris_jr.joins(friends)",
        "await boris_jr.leaves(friends)",
        "# Not in this test: that anna left a group.",
        "await anna.hears_nothing()",
        "await boris_jr.hears_nothing()",
        "await anna.hears_nothing(chat=friends)",
    ]


def test_the_test_waits_where_the_bot_was_idle_without_a_word() -> None:
    done = Said((1, 1), "a"), Settled(), Said((1, 2), "b"), Said((1, 3), "c"), Heard((1, 4), "x"), Settled()
    assert body(*done, Said((1, 5), "d")) == [
        'await anna.says("a")',
        "await bot.finished()",
        'await anna.says("b")',
        'await anna.says("c")',
        'await anna.hears("x")',
        'await anna.says("d")',
    ]


def test_a_message_that_changes_at_once_is_awaited_as_it_is_in_the_end() -> None:
    key = (1, 2)
    assert body(Said((1, 1), "go"), Heard(key, "0 %"), Edited(key, "half"), Edited(key, "done")) == [
        'await anna.says("go")',
        "await anna.hears()",
        'await anna.sees_edited("done")',
    ]


def test_a_button_of_an_older_message_is_pressed_there() -> None:
    first, second = (1, 2), (1, 3)
    lines = body(
        Heard(first, "one", ("A",)),
        Heard(second, "two", ("A",)),
        Pressed(first, "A", b"A", [""]),
    )
    assert lines[0] == 'message_1 = await anna.hears("one")'
    assert lines[-1] == 'await anna.presses("A", message=message_1)'
    assert 'await anna.sees_buttons("A", message=message_1)' in lines


def test_a_person_who_changes_is_changed() -> None:
    now = Who(1, "Ann", username="", language="en")
    assert body(Said((1, 1), "a"), Turned(now), Said((1, 2), "b"))[-1] == 'await anna.says("b")'
    assert "sandbox.world.set_name(anna.id, 'Ann', '')" in saved(Turned(now)).text


def test_what_a_test_cannot_do_is_said_in_it_and_beside_it() -> None:
    made = saved(
        Said((1, 1), "a"),
        LeftOut("Anna sent a dice"),
        Pressed((1, 9), "X", b""),
        Changed((1, 8), "b"),
        Deleted((1, 7), by_bot=False),
        Said((1, 10), "c", reply_to=77),
    )
    assert len(made.left_out) == 6
    for what in made.left_out:
        assert f"# Not in this test: {what}." in made.text


def test_a_bot_that_is_dead_at_the_end_is_not_asked() -> None:
    assert "hears_nothing" not in saved(Said((1, 1), "a"), Process("kill")).text


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("id: 5000000137", "id: 5000000999"),
        ("at 2026-11-27 22:16 UTC", "at 2027-01-02 03:04 UTC"),
        ("since 2026-11-27T22:16:01Z", "since 2027-01-02T03:04:05Z"),
        ("it is 9:05:59", "it is 22:16:01"),
        ("up 12 s, 3.5 MiB, 40 %", "up 1 s, 124.1 MiB, 7 %"),
        ("join t.me/+AbCdEf_gh12", "join t.me/+zzzzzzzzzzzz"),
        ("a key Abcdefghij0123456789x (secret)", "a key 9876543210abcdefghijZ (secret)"),
        ("call 9996620000", "call 9996621234"),
        ("your number 17", "your number 18"),
    ],
)
def test_values_that_differ_become_patterns(text: str, other: str) -> None:
    source = expected(text, known=["17"])
    assert source.startswith("re.compile(")
    pattern = eval(source, {"re": re})
    assert pattern.fullmatch(text)
    assert pattern.fullmatch(other)
    assert not pattern.fullmatch(f"not {text}")


@pytest.mark.parametrize("text", ["2 + 3 = 5", "Size M", "3.50 €", "№ 1234", "1170", "ships in 2 weeks"])
def test_other_numbers_stay_as_they_are(text: str) -> None:
    assert expected(text, known=["17"]) == literal(text)


@given(st.text())
def test_every_text_is_written_so_that_it_reads_the_same(text: str) -> None:
    assert ast.literal_eval(literal(text)) == text
    source = expected(text, known=["42", "a"])
    if source.startswith("re.compile("):
        assert eval(source, {"re": re}).fullmatch(text)
    else:
        assert ast.literal_eval(source) == text


@pytest.mark.parametrize(
    ("name", "variable"),
    [("Anna", "anna"), ("class", "person_1"), ("Борис", "борис"), ("🙂", "person_1"), ("bot", "person_1")],
)
def test_people_have_names_as_variables_where_python_takes_them(name: str, variable: str) -> None:
    assert identifier(name, (), 1) == variable
    assert identifier(name, (variable,), 1) == f"{variable}_2"
