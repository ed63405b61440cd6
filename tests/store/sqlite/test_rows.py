from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import evidence, profiles
from tgbot.core.access import Access, Evidence, Kind, Record
from tgbot.core.users import Change, Profile, User
from tgbot.store.sqlite.rows import pack, unpack


@given(st.lists(profiles, max_size=5), st.lists(evidence, max_size=10), st.text(max_size=5))
def test_a_user_comes_back_from_json(seen: list[Profile], found: list[Evidence], text: str) -> None:
    user = User(1, Profile(1))
    for at, profile in enumerate(seen, 1):
        user.see(profile, at, "message")
    user.record = Record(found)
    user.started(text, 3)
    user.preferences[text] = text
    user.counted = Access.BLOCKED
    again = unpack(pack(user))
    assert again == user
    assert (again.counted, again.saved) == (Access.BLOCKED, Access.BLOCKED)
    assert all(isinstance(one, Evidence) and isinstance(one.kind, Kind) for one in again.record)
    assert all(isinstance(change, Change) for change in again.history)
    assert pack(again) == pack(user)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "1", "{}", '{"id":1,"unheard_of":1}', '{"id":1,"access":"x"}'),
        *(
            '{"id":1,"evidence":{"nothing":[[1]]}}',
            '{"id":1,"evidence":{"sent":[]}}',
            '{"id":1,"evidence":[]}',
        ),
        '{"id":1,"history":[1]}',
    ],
)
def test_what_is_no_user_is_refused_with_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        unpack(text)
