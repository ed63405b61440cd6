from __future__ import annotations

from dataclasses import dataclass

import pytest

from tgbot.core.access import Access, Evidence, Kind, Record
from tgbot.core.sweeps import PASSED, USUAL, Look, Progress, pack, unpack
from tgbot.core.users import Profile, User, UserFields

NOW = 10_000


def progress(access: tuple[Access, ...] = USUAL, older_than: int = 0) -> Progress:
    return Progress(access, older_than, 30.0, NOW, 5)


def user(*evidence: Evidence, bot: bool = False) -> User:
    return User(UserFields(7, Profile(7, bot=bot), Record.of(evidence)))


@dataclass(frozen=True)
class Case:
    user: User
    wanted: bool | None
    older_than: int = 0
    access: tuple[Access, ...] = USUAL


WROTE, BLOCKED = Evidence(Kind.MESSAGE, NOW - 50), Evidence(Kind.USER_IS_BLOCKED, NOW - 10)


@pytest.mark.parametrize(
    "case",
    [
        Case(user(), True),
        Case(user(), True, older_than=1_000),
        Case(user(WROTE), True),
        Case(user(WROTE), True, older_than=50),
        Case(user(WROTE), False, older_than=51),
        Case(user(WROTE, BLOCKED), False, older_than=51),
        Case(user(WROTE, BLOCKED), True, older_than=10),
        Case(user(WROTE), None, access=(Access.BLOCKED,)),
        Case(user(WROTE, BLOCKED), True, access=(Access.BLOCKED,)),
        Case(user(WROTE, bot=True), None),
        Case(user(Evidence(Kind.IS_BOT, NOW)), None, access=tuple(Access)),
        Case(user(Evidence(Kind.DELETED, NOW)), None),
        Case(user(Evidence(Kind.DELETED, NOW)), True, access=(Access.DEACTIVATED,)),
    ],
    ids=repr,
)
def test_whom_a_sweep_probes(case: Case) -> None:
    assert progress(case.access, case.older_than).wants(case.user, NOW) is case.wanted


def test_each_user_is_counted_once_and_in_one_way() -> None:
    found = progress()
    found.note(1, PASSED)
    found.note(2, Look(Access.BLOCKED, Access.REACHABLE))
    found.note(3, Look(Access.REACHABLE, Access.REACHABLE))
    found.note(4, Look(error="CHAT_FORBIDDEN"))
    found.note(5, Look(Access.BLOCKED, Access.REACHABLE))
    assert (found.cursor, found.looked_at, found.probed, found.skipped) == (5, 5, 3, 1)
    assert found.errors == {"CHAT_FORBIDDEN": 1}
    assert found.found() == [(Access.BLOCKED, Access.REACHABLE, 2)]
    assert unpack(pack(found)) == found


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"state": "running"}', pack(progress()).replace("30.0", '""')]
)
def test_other_text_is_no_sweep(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are msgspec's
        unpack(text)
