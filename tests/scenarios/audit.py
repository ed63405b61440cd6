"""The auditor: compares what the sandbox saw and what is on disk with what is promised."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import Counter
from dataclasses import dataclass, field

from tests.scenarios.crash import PATIENCE, Site
from tgbot.core.access import Access
from tgbot.store.sqlite.userfile import open_readonly


@dataclass
class Audit:
    """The result: all numbers except the first three must be 0."""

    messages: int = 0
    answers: int = 0
    #: Messages without an answer, from users who blocked the bot after they wrote.
    excused: int = 0
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    unheard: int = 0
    users_missing: int = 0
    hashes_missing: int = 0
    access_wrong: int = 0
    #: The first faults that were found, in words.
    found: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (
            self.lost
            or self.doubled
            or self.disordered
            or self.unheard
            or self.users_missing
            or self.hashes_missing
            or self.access_wrong
        )

    def note(self, text: str) -> None:
        if len(self.found) < 20:
            self.found.append(text)

    def __str__(self) -> str:
        numbers = (
            f"{self.messages} messages, {self.answers} answers, {self.excused} excused: "
            f"{self.lost} lost, {self.doubled} doubled, {self.disordered} out of order, "
            f"{self.unheard} unheard, {self.users_missing} users and {self.hashes_missing} access hashes "
            f"missing, {self.access_wrong} wrong access states"
        )
        return "\n    ".join((numbers, *self.found))


def audit_answers(site: Site, blocked_at: dict[int, int]) -> Audit:
    """Compare all dialogs with what the bot should have said in them so far."""
    result = Audit()
    for user_id in site.users():
        _audit_dialog(site, user_id, blocked_at.get(user_id, 0), result)
    return result


def _audit_dialog(site: Site, user_id: int, blocked_at: int, result: Audit) -> None:
    #: (message id, beginning of the answer) for each message without an answer so far.
    due: list[tuple[int, str]] = []
    started = False
    for copy in site.dialog(user_id):
        text = copy.post.text
        if not copy.out:
            result.messages += 1
            if text.startswith("/start"):
                due.append((copy.id, "Welcome back," if started else "Hello,"))
                started = True
            else:
                due += [(copy.id, f"echo {text}")] * (2 if text.startswith("twice") else 1)
            continue
        result.answers += 1
        fits = [place for place, (_, answer) in enumerate(due) if _is_answer(text, answer)]
        # Of equal answers, take the first message after the block: earlier ones may stay unanswered.
        place = next((place for place in fits if due[place][0] > blocked_at), fits[0] if fits else None)
        if place is None:
            result.doubled += 1
            result.note(f"user {user_id}: message {copy.id} says once more {text[:20]!r}; due {due[:3]}")
            continue
        if any(blocked_at < earlier < due[fits[0]][0] for earlier, _ in due[: fits[0]]):
            result.disordered += 1
            result.note(f"user {user_id}: message {due[place][0]} was answered before {due[0]}")
        del due[place]
    for number, answer in due:
        if number <= blocked_at:
            result.excused += 1
        else:
            result.lost += 1
            result.note(f"user {user_id}: message {number} has no answer {answer[:20]!r}")


def _is_answer(text: str, answer: str) -> bool:
    """Return whether a text of the bot is this answer; of a greeting, only the beginning is known."""
    return text == answer or (answer.endswith(",") and text.startswith(answer))


def audit_files(site: Site, result: Audit) -> None:
    """Compare what is on disk with the sandbox; the bot has stopped, and no update waits for it."""
    with contextlib.closing(sqlite3.connect(f"file:{site.session}?mode=ro", uri=True)) as session:
        hashes = dict(session.execute("SELECT id, hash FROM entities").fetchall())
    registry = open_readonly(site.registry)
    try:
        now = site.world.date()
        for user_id in site.users():
            if hashes.get(user_id) != site.world.accounts.access_hash(site.bot.id, user_id):
                result.hashes_missing += 1
                result.note(f"user {user_id}: no access hash in the session")
            user = registry.get(user_id)
            if user is None:
                result.users_missing += 1
                result.note(f"user {user_id} is not in the registry")
                continue
            blocked = site.bot.id in site.world.accounts[user_id].blocked
            access = user.verdict(now).access
            if access is not (Access.BLOCKED if blocked else Access.REACHABLE):
                result.access_wrong += 1
                result.note(f"user {user_id} is {access}, has it blocked: {blocked}; {user.evidence}")
    finally:
        registry.close()


def audit_people(site: Site, result: Audit) -> None:
    """Compare what each person received over the wire with what the sandbox has for them."""
    for person in site.people:
        box = site.world.accounts[person.id].box
        copies = (box.get(number) for number in box.history(site.bot.id))
        sent = Counter(copy.post.text for copy in copies if copy is not None and not copy.out)
        missing = sent - Counter(person.heard)
        result.unheard += missing.total()
        for text in missing:
            result.note(f"{person.id} never heard {text[:20]!r}")


async def quiet(site: Site, blocked_at: dict[int, int], seconds: float = PATIENCE) -> None:
    """Return when everything is answered, or when nothing more was answered for `seconds`."""
    clock = asyncio.get_running_loop().time
    size, since = -1, clock()
    while clock() - since < seconds:
        if len(site.account.box) != size:
            size, since = len(site.account.box), clock()
            if not audit_answers(site, blocked_at).lost:
                return
        await asyncio.sleep(0.1)
