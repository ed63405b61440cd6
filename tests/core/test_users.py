"""What plugins see of a user, and rules that hold for any order of calls."""

from __future__ import annotations

import gc
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.store.contracts import ANN, Clock, counted, recounted
from tests.store.memory import MemoryRegistry
from tests.strategies import evidence, profiles
from tgbot.core.access import Evidence, Kind, Record
from tgbot.core.users import Profile, User, UserFields, Way


@given(st.lists(st.tuples(profiles, st.sampled_from([Way.MESSAGE, Way.GROUP])), max_size=6), st.randoms())
def test_profiles_in_any_order_and_repetition_leave_the_last_one(
    seen: list[tuple[Profile, Way]], random: st.DataObject
) -> None:
    def told(order: list[int]) -> Any:
        registry = MemoryRegistry(Clock())
        for index in order:
            profile, via = seen[index]
            registry.seen(profile, index + 1, via)
        user = registry.get(1)
        # The changes between two profiles depend on which of them came first.
        return user and structs.replace(user._fields, history=[])

    order = list(range(len(seen)))
    mixed = random.sample(order * 2, len(order) * 2)  # type: ignore[attr-defined]  # it is a random.Random
    assert told(mixed) == told(order)


@given(st.lists(st.tuples(st.integers(1, 4), evidence), max_size=30))
def test_counts_are_what_looking_at_everyone_would_give(told: list[tuple[int, Evidence]]) -> None:
    clock = Clock(8)
    registry = MemoryRegistry(clock)
    for user_id, found in told:
        registry.record(user_id, found)
        if found.detail:
            registry.forget(user_id)
    assert counted(registry) == recounted(registry, 8)
    clock.now = 13
    assert counted(registry) == recounted(registry, 13)


def met() -> User:
    """A user with something in every attribute."""
    users = MemoryRegistry(Clock())
    users.seen(ANN, 100, Way.MESSAGE)
    users.seen(ANN._replace(first_name="Anna"), 200, Way.MESSAGE)
    users.wrote(1, 100, 5, "token")
    users.prefer(1, "theme", "dark")
    users.join_requested(1, -100, 100)
    return users.record(1, Evidence(Kind.BOT_STOPPED, 150))


ATTRIBUTES = [name for name, value in vars(User).items() if isinstance(value, property)]


def test_no_attribute_of_a_user_can_be_assigned_or_added() -> None:
    user = met()
    for name in (*ATTRIBUTES, "anything_else"):
        with pytest.raises(AttributeError):
            setattr(user, name, None)
        with pytest.raises(AttributeError):
            delattr(user, name)


def test_what_a_user_s_attributes_hold_cannot_be_changed() -> None:
    user = met()
    for name in ("known_by", "preferences", "join_requests"):
        view = getattr(user, name)
        assert view
        with pytest.raises(TypeError):
            view[next(iter(view))] = 5
        with pytest.raises(AttributeError):
            view.clear()
    for name in ("usernames", "history", "evidence"):
        assert isinstance(getattr(user, name), tuple)


def test_every_field_of_a_user_is_an_attribute_to_read() -> None:
    assert set(UserFields.__struct_fields__) <= set(ATTRIBUTES)


def test_a_user_is_live() -> None:
    users = MemoryRegistry(Clock())
    user = users.seen(ANN, 100, Way.MESSAGE)
    users.wrote(1, 100, 5, "token")
    users.choose_language(1, "ru")
    assert (user.last_payload, user.spoken) == ("token", "ru")


def test_users_that_say_the_same_are_equal() -> None:
    assert met() == met()
    assert met() != User(UserFields(1, Profile(1)))
    assert met() != 1
    with pytest.raises(TypeError):
        hash(met())


def test_nothing_about_a_person_is_in_the_repr() -> None:
    user = met()
    assert repr(user) == "User(id=1)"
    assert repr(user._fields) == "UserFields(id=1)"


def test_a_known_user_s_message_takes_few_steps() -> None:
    registry = MemoryRegistry(Clock())
    registry.seen(ANN, 1, Way.MESSAGE)
    registry.record(1, Evidence(Kind.MESSAGE, 1))
    registry.record(1, Evidence(Kind.MESSAGE, 2))
    calls: list[str] = []

    def traced(frame: Any, event: str, _: Any) -> None:
        if event == "call":
            calls.append(frame.f_code.co_name)

    gc.disable()  # its callbacks would be counted
    sys.setprofile(traced)
    try:
        registry.seen(ANN, 3, Way.MESSAGE)
        registry.wrote(1, 3, 7)
        registry.finished(1, 3)
    finally:
        sys.setprofile(None)
        gc.enable()
    # No judgement, no read of the rows: a lookup and a comparison each.
    assert calls == ["seen", "wrote", "_learn", "note", "finished"]


@pytest.mark.parametrize("way", Way)
def test_who_was_only_named_did_not_come(way: Way) -> None:
    user = User(UserFields(7, Profile(7), known_by={way: 1}))
    named = way in {Way.GROUP, Way.UPDATE, Way.DIFFERENCE, Way.ANSWER}
    assert user.came is not named


def test_who_only_blocked_the_bot_did_not_come() -> None:
    assert not User(UserFields(7, Profile(7), evidence=Record.of([Evidence(Kind.BOT_STOPPED, 5)]))).came
