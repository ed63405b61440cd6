"""What hypothesis draws for tests of users and evidence: few values, so that they meet."""

from __future__ import annotations

from hypothesis import strategies as st

from tgbot.core.access import Evidence, Kind
from tgbot.core.users import Profile

evidence = st.builds(
    Evidence,
    kind=st.sampled_from(Kind),
    at=st.integers(1, 12),
    qts=st.integers(0, 3),
    until=st.none() | st.integers(1, 15),
    detail=st.sampled_from(["", "app"]),
)

names = st.text(max_size=8)
profiles = st.builds(
    Profile,
    id=st.just(1),
    first_name=names,
    last_name=names,
    usernames=st.lists(names, max_size=3).map(tuple),
    language=st.none() | st.sampled_from(["en", "ru", ""]),
    premium=st.booleans(),
    bot=st.booleans(),
    deleted=st.booleans(),
)
