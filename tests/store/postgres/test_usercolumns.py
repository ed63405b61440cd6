"""What a user's text becomes in a row, and that a server gives it back as it was."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.strategies import evidence, profiles
from tgbot.core.access import Access, Record
from tgbot.core.broadcasts import NEWS, NO_NEWS, declines
from tgbot.core.talks import KeptTalk, Step
from tgbot.core.users import LANGUAGE, JsonObject, Profile, User, UserFields, Way
from tgbot.store.postgres.usercolumns import columns_of, text_of
from tgbot.store.postgres.userrows import PostgresUserRows
from tgbot.store.stored import Changes
from tgbot.store.user_json import pack, unpack

#: Some of what plugins keep that JSONB gives back as it was, and that it would not.
EASY: Final[tuple[JsonObject, ...]] = (
    {"a": 1, "bb": [1.5, -0.25, "2026-01-01"], "cc": {}, "dd": 1e-7 + 1},
    {"a": "caf\u00e9 \U0001f600", "b": "\x01"},
)
HARD: Final[tuple[JsonObject, ...]] = (
    {"bb": 1, "a": 1},
    {"a": [{"bb": 1, "a": 1}]},
    {"a": 1e22},
    {"a": -0.0},
    {"a": "\0"},
    {"a": "\ud800"},
    {"\udfff": 1},
)
#: Texts with what JSONB does not take: a NUL, and halves of surrogate pairs.
texts = st.text(st.characters(codec=None), max_size=5) | st.sampled_from(
    ["\0", "\ud800", "-0", "1e5", "\\u0000"]
)
numbers = (
    st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([-0.0, 1e22, 2**70])
)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts | st.sampled_from(HARD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(texts, values, min_size=1, max_size=3)
talks = st.builds(
    KeptTalk,
    name=texts,
    key=texts,
    at=st.integers(0, 99),
    text=texts,
    steps=st.lists(st.builds(Step, kind=texts, label=texts, value=values), max_size=2).map(tuple),
)
users = st.builds(
    UserFields,
    id=st.just(1),
    profile=profiles,
    evidence=st.lists(evidence, max_size=4).map(Record.of),
    language=st.none() | texts,
    last_seen=st.integers(0, 2**63 - 1),
    known_by=st.dictionaries(st.sampled_from(Way), st.integers(0, 99), max_size=3),
    first_payload=texts,
    preferences=st.dictionaries(
        texts | st.sampled_from([NEWS, LANGUAGE]), texts | st.just(NO_NEWS), max_size=3
    ),
    join_requests=st.dictionaries(st.integers(-(2**40), -1), st.integers(0, 99), max_size=3),
    data=st.dictionaries(texts, objects, max_size=2),
    talks=st.dictionaries(st.integers(-9, 9), talks, max_size=2),
)


def keeping(data: JsonObject) -> tuple[UserFields, UserFields]:
    """Return a user of whom a plugin keeps this, and one of whom a talk does."""
    steps = (Step("once", value=data, done=True),)
    return (
        UserFields(1, Profile(1), data={"shop": data}),
        UserFields(1, Profile(1), talks={-5: KeptTalk("order", "m1:5", 9, steps=steps)}),
    )


def spelled(user: UserFields) -> str:
    """Return what plugins keep as text: in it, the order of keys is told apart, and 1 from 1.0."""
    steps = [(chat, [step.value for step in talk.steps]) for chat, talk in sorted(user.talks.items())]
    return repr((user.data, user.join_requests, steps))


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(users, st.none() | st.sampled_from(Access)), min_size=1, max_size=5))
def test_users_come_back_from_the_server_as_they_were(
    rows: PostgresUserRows, kept: list[tuple[UserFields, Access | None]]
) -> None:
    packed = {number: pack(*user) for number, user in enumerate(kept)}
    asyncio.run(rows.write(Changes(packed)))
    found = asyncio.run(rows.many(packed))
    assert found.keys() == packed.keys()
    for number, (fields, access) in enumerate(kept):
        again = unpack(found[number])
        assert again.fields == unpack(packed[number]).fields
        assert spelled(again.fields) == spelled(fields)
        assert again.counted is access


@given(users, st.none() | st.sampled_from(Access))
def test_the_columns_are_what_lists_and_audiences_ask(fields: UserFields, access: Access | None) -> None:
    user = User(fields)
    row = columns_of(7, pack(fields, access))
    assert (row.id, row.access, row.last_seen) == (7, access, fields.last_seen)
    assert row.language in {user.spoken or "", ""}
    assert row.language == (user.spoken or "") or not (user.spoken or "").isprintable()
    assert row.declines is declines(user)
    assert (row.value is None) is not (row.exact is None)
    assert text_of(row.value, row.exact) == pack(fields, access)


@pytest.mark.parametrize("data", HARD)
def test_what_jsonb_would_change_is_kept_letter_by_letter(data: JsonObject) -> None:
    for user in keeping(data):
        assert columns_of(1, pack(user)).exact is not None


@pytest.mark.parametrize("data", EASY)
def test_what_jsonb_gives_back_as_it_is_goes_there(data: JsonObject) -> None:
    for user in keeping(data):
        assert columns_of(1, pack(user)).value is not None


async def test_hard_and_easy_values_come_back_from_the_server(rows: PostgresUserRows) -> None:
    users = dict(enumerate(user for data in (*HARD, *EASY) for user in keeping(data)))
    await rows.write(Changes({number: pack(user) for number, user in users.items()}))
    for number, text in (await rows.many(users)).items():
        assert spelled(unpack(text).fields) == spelled(users[number])


@pytest.mark.parametrize("text", ["", "{", "[]", "5", '{"access":5}', '{"preferences":[]}', '{"talks":5}'])
def test_a_text_that_holds_no_user_is_kept_as_it_is(text: str) -> None:
    assert columns_of(7, text) == (7, None, "", 0, False, None, text)


def test_an_access_of_another_version_is_not_asked_by() -> None:
    assert columns_of(7, '{"access":"sideways","last_seen":5}')[:4] == (7, None, "", 5)
