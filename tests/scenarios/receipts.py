"""Who got a broadcast at the sandbox, compared with what the bot's report says of each."""

from __future__ import annotations

import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.scenarios.crash import Ground
from tgbot.core.access import Access
from tgbot.core.users import User
from tgbot.sandbox.dialogs import Copy


@dataclass
class Result:
    """The result of a broadcast under kills: `wrong` and `faults` must be empty."""

    audience: int = 0
    #: How many had each outcome, as the report says it.
    outcomes: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    #: The faults that were chosen at random, and how many people blocked the bot or came back meanwhile.
    kinds: Counter[str] = field(default_factory=Counter)
    #: Seconds from the moment when a process was ready until it sent.
    resumed: list[float] = field(default_factory=list)
    #: Corrections as the report says them, after each round of them.
    corrections: dict[str, Counter[str]] = field(default_factory=dict)
    #: What is wrong, by kind, and the first examples in words.
    wrong: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)
    #: Log lines with an error.
    faults: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        return not self.wrong and not self.faults and not set(self.statuses) - {0, -signal.SIGKILL}

    def note(self, kind: str, text: str) -> None:
        self.wrong[kind] += 1
        if len(self.found) < 20:
            self.found.append(f"{kind}: {text}")

    def __str__(self) -> str:
        kinds = ("without it", "twice", "wrong outcome", "wrong access", "wrong correction", "not paused")
        lines = [
            f"broadcast: {self.kills} kills, {self.audience} recipients: {_listed(self.outcomes)}",
            ", ".join(f"{self.wrong[kind]} {kind}" for kind in kinds),
            *(f"{word}: {_listed(found)}" for word, found in self.corrections.items()),
            f"meanwhile: {_listed(self.kinds)}",
        ]
        if self.resumed:
            half, most = median(self.resumed), max(self.resumed)
            lines.append(
                f"first call after a start: {half * 1000:.0f} ms (half), {most * 1000:.0f} ms (most), "
                f"{len(self.resumed)} starts"
            )
        lines += [*self.found, *(f"log: {fault}" for fault in self.faults[:5])]
        return "\n    ".join(lines)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "nothing"


@dataclass
class Receipts:
    """The truth about the people of one broadcast: who may get it, and why somebody may not."""

    site: Ground
    text: str
    #: Who got a test of it.
    tester: int
    audience: list[int] = field(default_factory=list)
    #: Who blocked the bot before, which it does not know; whose account is gone.
    blocked: set[int] = field(default_factory=set)
    deleted: set[int] = field(default_factory=set)
    #: Who blocked the bot or came back while the broadcast ran.
    quarrelled: set[int] = field(default_factory=set)

    def copies(self) -> dict[int, list[Copy]]:
        """Return the bot's copies of the messages of the broadcast, also of deleted ones, by recipient."""
        found: defaultdict[int, list[Copy]] = defaultdict(list)
        for key, copy in self.site.world.sends.of(self.site.bot.id):
            if key.peer > 0:
                found[key.peer].append(copy)
        del found[self.tester][:1]
        return {person: copies for person, copies in found.items() if copies}

    def count(self) -> int:
        """Return how many messages of the broadcast were sent."""
        return sum(map(len, self.copies().values()))

    def compare(self, rows: Sequence[Mapping[str, str]], result: Result) -> None:
        """Compare the report of a broadcast that is sent with what each person got."""
        result.audience = len(rows)
        result.outcomes = Counter(row["outcome"] for row in rows)
        reported = {int(row["id"]): row for row in rows}
        copies, recipients = self.copies(), set(self.audience)
        may_lack_it = self.blocked | self.deleted | self.quarrelled
        if len(reported) < len(rows):
            result.note("wrong outcome", "somebody has two rows")
        for person in sorted({*recipients, *reported, *copies}):
            got, row = copies.get(person, []), reported.get(person)
            if len(got) > 1:
                result.note("twice", f"user {person} has {len(got)} messages")
            if not got and person in recipients and person not in may_lack_it:
                result.note("without it", f"user {person}: {row}")
            if row is None or person not in recipients or not self._is_true(row, person, got):
                result.note("wrong outcome", f"user {person} has {len(got)} messages: {row}")

    def _is_true(self, row: Mapping[str, str], person: int, got: Sequence[Copy]) -> bool:
        if got:
            return row["outcome"] == "sent" and row["messages"] == str(got[0].id)
        if person in self.deleted:
            return row["outcome"] == "deactivated"
        return row["outcome"] == "blocked" and (person in self.blocked or person in self.quarrelled)

    def compare_edits(self, rows: Sequence[Mapping[str, str]], text: str, result: Result) -> None:
        """Compare the report of an edit with what each message is now."""
        result.corrections["edited"] = Counter(row["correction"] for row in rows)
        copies = self.copies()
        for row in rows:
            person = int(row["id"])
            texts = [copy.post.text for copy in copies.get(person, [])]
            is_done = row["correction"] == "done"
            refused = row["correction"] == "refused" and person in self.quarrelled
            if texts != ([text] if is_done else [self.text] if refused else []):
                result.note("wrong correction", f"user {person}: {row}")

    def compare_deletions(self, rows: Sequence[Mapping[str, str]], result: Result) -> None:
        """Compare the report of a deletion with what is left."""
        result.corrections["deleted"] = Counter(row["correction"] for row in rows)
        copies = self.copies()
        for row in rows:
            got = copies.get(int(row["id"]), [])
            if not all(copy.deleted for copy in got) or (row["correction"] == "done") != bool(got):
                result.note("wrong correction", f"user {row['id']}: {row}")

    def compare_access(self, get: Callable[[int], User | None], result: Result) -> None:
        """Compare the access of each recipient that is kept with the sandbox; the bot has stopped."""
        accounts, bot, now = self.site.world.accounts, self.site.bot.id, self.site.world.date()
        for person in self.audience:
            truth = Access.BLOCKED if bot in accounts[person].blocked else Access.REACHABLE
            if person in self.deleted:
                truth = Access.DEACTIVATED
            user = get(person)
            access = user.verdict(now).access if user is not None else None
            if access is not truth:
                result.note("wrong access", f"user {person} is {access}, not {truth}: {user}")
