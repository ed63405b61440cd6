"""Who is in the audience of a broadcast, and what is shown of a definition."""

from __future__ import annotations

from typing import Any

import pytest

from tgbot.core.broadcasts import (
    NEWS,
    NO_NEWS,
    Audience,
    Broadcast,
    Content,
    Part,
    declines,
    speaks,
)
from tgbot.core.users import LANGUAGE, Profile, User, UserFields


def user(*, premium: bool = False, **fields: Any) -> User:
    return User(UserFields(5, Profile(5, "Ann", premium=premium), **fields))


@pytest.mark.parametrize(
    ("language", "codes", "spoken"),
    [
        ("ru", ("ru",), True),
        ("ru", ("en", "ru"), True),
        ("pt-br", ("pt",), True),
        ("PT_BR", ("pt",), True),
        ("PT_BR", ("pt-br",), True),
        ("pt", ("pt-br",), False),
        ("ptx", ("pt",), False),
        ("", ("pt",), False),
        (None, ("pt",), False),
        ("en", (), False),
    ],
)
def test_a_variety_of_a_language_is_that_language(
    language: str | None, codes: tuple[str, ...], spoken: bool
) -> None:
    assert speaks(language, codes) is spoken


@pytest.mark.parametrize(
    ("audience", "fields", "included"),
    [
        (Audience(), {}, True),
        (Audience(languages=("ru",)), {"language": "ru"}, True),
        (Audience(languages=("ru",)), {"language": "en", "preferences": {LANGUAGE: "ru"}}, True),
        (Audience(languages=("ru",)), {"language": "ru", "preferences": {LANGUAGE: "en"}}, False),
        (Audience(first_seen_after=5), {"first_seen": 5}, True),
        (Audience(first_seen_after=6), {"first_seen": 5}, False),
        (Audience(first_seen_before=5), {"first_seen": 5}, False),
        (Audience(last_seen_after=6), {"last_seen": 5}, False),
        (Audience(last_seen_before=6), {"last_seen": 5}, True),
        (Audience(payload="ad"), {"first_payload": "ad-1", "last_payload": "x"}, True),
        (Audience(payload="ad"), {"first_payload": "x", "last_payload": "ad"}, True),
        (Audience(payload="ad"), {"first_payload": "bad", "last_payload": ""}, False),
        (Audience(premium=True), {"premium": True}, True),
        (Audience(premium=True), {}, False),
        (Audience(premium=False), {}, True),
        (Audience(premium=False), {"premium": True}, False),
        (Audience(), {"preferences": {NEWS: NO_NEWS}}, False),
        (Audience(), {"preferences": {NEWS: "on"}}, True),
    ],
)
def test_each_condition_leaves_somebody_out(
    audience: Audience, fields: dict[str, Any], included: bool
) -> None:
    assert audience.includes(user(**fields)) is included


def test_who_declines_says_so_by_a_preference() -> None:
    assert declines(user(preferences={NEWS: NO_NEWS}))
    assert not declines(user(preferences={"other": NO_NEWS}))


def test_everybody_is_no_condition() -> None:
    assert Audience().everybody
    assert not Audience(ids=()).everybody
    assert not Audience(premium=False).everybody


def test_a_definition_shows_no_texts() -> None:
    contents = {"": Content((Part("secret", b"secret"), Part())), "ru": Content((Part("secret"),))}
    broadcast = Broadcast(3, 1, 2, contents, name="secret")
    assert broadcast.parts == 2
    assert "secret" not in f"{broadcast!r}{contents!r}"
