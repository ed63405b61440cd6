"""Lists that are sent to a server come back as they were."""

from __future__ import annotations

from typing import Final, LiteralString

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tgbot.core.errors import StorageFailedError
from tgbot.store.postgres.database import Database

_SEND: Final[LiteralString] = (
    "SELECT %s::text[], %s::bigint[], %s::bytea[], %s::boolean[], %s::double precision[]"
)

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
odd = st.sampled_from(["", "NULL", "null", " a ", '"', "\\", '\\"', "{a,b}", "a,b", "\n\t", "%s"])


lists = st.tuples(
    st.lists(st.none() | texts | odd, max_size=5),
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=5),
    st.lists(st.none() | st.binary(max_size=5), max_size=5),
    st.lists(st.none() | st.booleans(), max_size=5),
    st.lists(st.none() | st.floats(allow_nan=False), max_size=5),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lists)
@example((["", "NULL", '"\\', None], [-(2**63), 2**63 - 1], [b"", b"\0\\"], [True, False], [1e300, -0.0]))
def test_lists_come_back_as_they_were(database: Database, sent: tuple[list[object], ...]) -> None:
    assert repr(database.read(_SEND, sent)) == repr([sent])


def test_what_is_no_element_of_an_array_is_refused(database: Database) -> None:
    with pytest.raises(TypeError, match="no element of an array: dict"):
        database.read("SELECT %s::text[]", ([{}],))
    assert database.read("SELECT 1") == [(1,)]


def test_a_text_that_no_column_can_hold_is_refused_and_is_not_two_texts(database: Database) -> None:
    with pytest.raises(StorageFailedError):
        database.read("SELECT %s::text[]", (["a\0b", "c"],))
