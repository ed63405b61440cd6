"""The rules of every registry of users, in memory; one with a disk behind it builds on this."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, MutableMapping
from typing import Final

from tgbot.core.access import LASTING, Access, Evidence, Kind, finally_judged, judge
from tgbot.core.users import LANGUAGE, Counts, Profile, User

#: How evidence alone makes a user known, where no profile came with it.
_KNOWN_BY: Final = {
    Kind.MESSAGE: "message",
    Kind.START: "message",
    Kind.WRITE_ACCESS: "login",
    Kind.LOGIN: "login",
    Kind.JOIN_REQUEST: "join_request",
}


class MemoryRegistry:
    """A registry that lives as long as the process; the rules of all others are here, too.

    A registry with a disk behind it overrides `_load`, `_stored` and what has to do with files.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._users: MutableMapping[int, User] = {}
        self._dirty: dict[int, User] = {}
        #: By access once every window has run out: changes only when evidence comes in.
        self._finals: dict[Access, int] = dict.fromkeys(Access, 0)
        #: Users whose permission runs out by itself: until when, the access till then and the one after.
        self._passing: dict[int, tuple[int, Access, Access]] = {}

    def get(self, user_id: int) -> User | None:
        user = self._users.get(user_id) or self._load(user_id)
        return user if user is not None and user.met else None

    def seen(self, profile: Profile, at: int, via: str) -> User:
        user = self._users.get(profile.id) or self._obtain(profile.id)
        # Nearly every call: somebody known, nothing new but the time.
        if (
            user.profile == profile
            and at >= user.last_seen
            and via in user.known_by
            and not (profile.bot or profile.deleted)
        ):
            user.last_seen = at
            if profile.language:
                user.language_at = at
            self._dirty[user.id] = user
            return user
        user.see(profile, at, via)
        self._judged(user)
        return user

    def record(self, user_id: int, evidence: Evidence) -> User:
        user = self._users.get(user_id) or self._obtain(user_id)
        if user.record.add(evidence):
            # More of what makes reachable leaves a reachable user as they are: no need to judge again.
            if user.counted is Access.REACHABLE and evidence.kind in LASTING:
                self._dirty[user_id] = user
            else:
                via = _KNOWN_BY.get(evidence.kind)
                if via is not None and not user.known_by:
                    user.known_by[via] = evidence.at
                self._judged(user)
        return user

    def payload(self, user_id: int, payload: str, at: int, message_id: int) -> User:
        user = self.record(user_id, Evidence(Kind.START, at))
        user.started(payload, message_id)
        self._dirty[user_id] = user
        return user

    def opened(self, user_id: int, message_id: int) -> None:
        user = self._users.get(user_id) or self._obtain(user_id)
        if not user.first_message_id or message_id < user.first_message_id:
            user.first_message_id = message_id
            self._dirty[user_id] = user

    def finished(self, user_id: int, message_id: int, own_id: int = 0) -> None:
        user = self._users.get(user_id) or self._obtain(user_id)
        if message_id > user.last_finished_id or own_id > user.last_own_id:
            user.last_finished_id = max(message_id, user.last_finished_id)
            user.last_own_id = max(own_id, user.last_own_id)
            self._dirty[user_id] = user

    def last_finished(self, user_id: int) -> int:
        return (self._users.get(user_id) or self._obtain(user_id)).last_finished_id

    def last_own(self, user_id: int) -> int:
        return (self._users.get(user_id) or self._obtain(user_id)).last_own_id

    def prefer(self, user_id: int, name: str, value: str | None) -> User:
        user = self._obtain(user_id)
        if value is None:
            user.preferences.pop(name, None)
        else:
            user.preferences[name] = value
        self._dirty[user_id] = user
        return user

    def choose_language(self, user_id: int, code: str | None) -> User:
        return self.prefer(user_id, LANGUAGE, code)

    def forget(self, user_id: int) -> None:
        old = self._obtain(user_id)
        finished, own = old.last_finished_id, old.last_own_id
        rest = User(user_id, Profile(user_id), last_finished_id=finished, last_own_id=own)
        if finally_judged(old.record).access is Access.BLOCKED:
            rest.record = old.record.refusals()
        rest.counted, rest.saved = old.counted, old.saved
        self._users[user_id] = rest
        self._judged(rest)

    def count(self) -> Counts:
        by = dict(self._finals)
        total = sum(by.values())
        now = self._clock()
        for user_id, (until, access, afterwards) in list(self._passing.items()):
            if until <= now:
                del self._passing[user_id]
            else:
                by[afterwards] -= 1
                by[access] += 1
        return Counts(total, by)

    def iterate(self, after_id: int = 0, access: Access | None = None) -> Iterator[User]:
        ids = sorted(self._users)
        for user_id in ids[bisect_right(ids, after_id) :]:
            user = self.get(user_id)
            if user is not None and (access is None or judge(user.record, self._clock()).access is access):
                yield user

    async def flush(self) -> None:
        self._dirty.clear()

    def close(self) -> None:
        self._dirty.clear()

    def _load(self, user_id: int) -> User | None:
        """The user from wherever users are when they are not in memory."""
        return None

    def _obtain(self, user_id: int) -> User:
        """The user, or a new one of whom nothing is known yet; in memory from here on."""
        user = self._users.get(user_id) or self._load(user_id)
        if user is None:
            user = self._users[user_id] = User(user_id, Profile(user_id))
        return user

    def _judged(self, user: User) -> None:
        """Count the user where they now belong, and see to it that the change is saved."""
        self._dirty[user.id] = user
        counted: Access | None = None
        passing = False
        if user.met:
            spans = user.record.spans
            if LASTING.issuperset(spans):  # nearly everyone: what `judge` says then is known without it
                counted = Access.REACHABLE if spans else Access.UNKNOWN
            else:
                verdict = judge(user.record, self._clock())
                counted, passing = verdict.access, verdict.until is not None
                if verdict.until is not None:
                    counted = finally_judged(user.record).access
                    self._passing[user.id] = (verdict.until, verdict.access, counted)
        if not passing and self._passing:
            self._passing.pop(user.id, None)
        if counted is not user.counted:
            if user.counted is not None:
                self._finals[user.counted] -= 1
            if counted is not None:
                self._finals[counted] += 1
            user.counted = counted
