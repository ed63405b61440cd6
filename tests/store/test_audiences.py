"""Who gets a broadcast, in stores that find it page by page."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.store.registries import now
from tgbot.core.access import Access, Evidence, Kind
from tgbot.core.broadcasts import NEWS, NO_NEWS, Audience, declines
from tgbot.core.users import Profile, User, Way
from tgbot.store import audiences
from tgbot.store.registry import Registry
from tgbot.store.sqlite.userfile import SqliteRegistry

PEOPLE = 60


@pytest.fixture(params=["sqlite", "postgres"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Registry]:
    if request.param == "sqlite":
        with closing(SqliteRegistry(tmp_path / "users.sqlite", clock=now)) as registry:
            yield registry
        return
    # Late: psycopg takes a tenth of a second.
    from tests.store.postgres.conftest import no_lease
    from tgbot.store.postgres.address import Address
    from tgbot.store.postgres.database import Database
    from tgbot.store.postgres.userrows import PostgresUserRows

    with closing(Database(Address(request.getfixturevalue("bot_url")))) as database:
        yield Registry(PostgresUserRows(database, no_lease), now)


@pytest.mark.parametrize("sizes", [(2, 1), (7, 3), (30, 30), (10_000, 500)])
async def test_pages_of_any_size_hold_the_same_people(
    registry: Registry, sizes: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audiences, "_IDS", sizes[0])
    monkeypatch.setattr(audiences, "_USERS", sizes[1])
    source = random.Random(5)
    people = [*sorted(source.sample(range(1, 2**40), PEOPLE - 2)), 2**62]
    for user_id in people:
        meet(registry, source, user_id)
    registry.seen(Profile(4_711), 100, Way.GROUP)  # whom the bot may not write to
    registry.record(2**63 - 2, Evidence(Kind.JOIN_REQUEST, 900, until=1_100))  # behind all who stay reachable
    await registry.flush()
    for number in range(6):
        audience = drawn(source, people, number)
        for moment in (1_000, 1_200):
            expected = [user for user in registry.iterate() if includes(audience, user, moment)]
            ids = sorted(user.id for user in expected if not declines(user))
            found = await registry.broadcasts._rows.audience(audience, moment)
            assert found.tolist() == ids
            survey = await registry.broadcasts.survey(audience, moment)
            assert survey.languages == Counter(user.spoken or "" for user in expected if user.id in ids)
            assert survey.size == len(ids)
            narrowed = Audience(ids=audience.ids)
            unwilling = [user for user in registry.iterate() if includes(narrowed, user, moment)]
            assert survey.declining == sum(map(declines, unwilling))


async def test_people_may_all_be_reachable_for_a_while_only(registry: Registry) -> None:
    for user_id in range(1, 6):
        registry.record(user_id, Evidence(Kind.JOIN_REQUEST, 900, until=1_100 + user_id))
    sizes = [(await registry.broadcasts.survey(Audience(), moment)).size for moment in (1_000, 1_102, 1_105)]
    assert sizes == [5, 3, 0]


async def test_ids_that_no_user_can_have_are_nobody(registry: Registry) -> None:
    meet(registry, random.Random(1), 1)
    for ids in ((), (2**63, -(2**63) - 1, 2**200), (0, 5)):
        assert (await registry.broadcasts.survey(Audience(ids=ids), 1_000)).size == 0


def meet(registry: Registry, source: random.Random, user_id: int) -> None:
    """Let somebody become known in one of the ways in which the bot may write to them, or may no more."""
    language = source.choice(["ru", "en", None])
    registry.seen(Profile(user_id, "x", language=language), 100, Way.MESSAGE)
    draw = source.random()
    if draw < 0.3:
        until = source.choice((1_100, 1_200, 1_300))
        registry.record(user_id, Evidence(Kind.JOIN_REQUEST, 900, until=until))
    else:
        registry.wrote(user_id, 100, 10)
    if 0.2 < draw < 0.4:
        registry.record(user_id, Evidence(Kind.BOT_STOPPED, 500, qts=1))
    if source.random() < 0.3:
        registry.prefer(user_id, NEWS, NO_NEWS)


def drawn(source: random.Random, people: list[int], number: int) -> Audience:
    ids = tuple(source.sample([*people, 4_711, 5], 30)) if number % 2 else None
    return Audience(languages=source.choice(((), ("ru",), ("ru", "en"))), ids=ids)


def includes(audience: Audience, user: User, moment: float) -> bool:
    """Return whether a user is in an audience, but for their wish to get no broadcasts."""
    if user.verdict(moment).access is not Access.REACHABLE:
        return False
    if audience.ids is not None and user.id not in audience.ids:
        return False
    return declines(user) or audience.includes(user)
