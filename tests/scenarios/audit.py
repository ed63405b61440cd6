"""The auditor: compares what the sandbox saw and what is on disk with what is promised."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field

from tests.scenarios.crash import PATIENCE, Ground, Site
from tgbot.core.access import Access
from tgbot.core.users import User
from tgbot.sandbox.dialogs import Copy
from tgbot.store.sqlite.userfile import open_readonly


@dataclass
class Audit:
    """The result: all numbers except the first four and `late` must be 0."""

    messages: int = 0
    answers: int = 0
    #: Messages without an answer, from users who blocked the bot after they wrote.
    excused: int = 0
    #: Messages that cannot be read, and those that bring the bot down.
    told: int = 0
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    #: How many differences came late: if any did, the order is not judged.
    late: int = 0
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
            f"{self.messages} messages, {self.answers} answers, {self.excused} excused, "
            f"{self.told} unreadable or poison: "
            f"{self.lost} lost, {self.doubled} doubled, {self.disordered} out of order, "
            f"{self.unheard} unheard, {self.users_missing} users and {self.hashes_missing} access hashes "
            f"missing, {self.access_wrong} wrong access states"
        )
        late = [f"{self.late} differences came late: the order is not judged"] if self.late else []
        return "\n    ".join((numbers, *late, *self.found))


#: The beginnings of the answers to `/start`: to the first one, and to later ones.
GREETINGS = ("Hello,", "Welcome back,")
#: The beginning of the answer to a first message that nothing else answers.
HELP = "Hello! I am a bot"


@dataclass(frozen=True)
class _Due:
    """An answer that the bot owes."""

    message_id: int
    #: The beginnings that it may have: whether a greeting is the first is not always known.
    texts: tuple[str, ...]
    #: Whether it may be missing: the message cannot be read.
    optional: bool = False


def audit_answers(site: Ground, blocked_at: dict[int, int], *, ordered: bool = True) -> Audit:
    """Compare all dialogs with what the bot should have said in them so far.

    Without `ordered`, answers may come in any order: what is parked does not hold its dialog up. Nor does
    what a difference would bring that comes late.
    """
    result = Audit(late=site.late_differences)
    ordered = ordered and not result.late
    unread = site.unread()
    for user_id in site.users():
        _audit_dialog(site, user_id, blocked_at.get(user_id, 0), unread, result, ordered=ordered)
    return result


def _audit_dialog(
    site: Ground, user_id: int, blocked_at: int, unread: Set[int], result: Audit, *, ordered: bool
) -> None:
    due: list[_Due] = []
    started, unsure = False, not ordered
    for copy in site.dialog(user_id):
        text = copy.post.text
        if not copy.out:
            result.messages += 1
            optional = copy.id in unread
            if _is_poison(copy):
                result.told += 1
            elif text.startswith("/start"):
                greetings = GREETINGS if unsure else (GREETINGS[started],)
                due.append(_Due(copy.id, greetings, optional))
                started, unsure = True, unsure or optional
            else:
                due += [_Due(copy.id, (f"echo {text}",), optional)] * (2 if text.startswith("twice") else 1)
            continue
        if not ordered and text.startswith(HELP):
            continue  # where the plugin's handler failed, the handlers after it still run
        result.answers += 1
        fits = [place for place, one in enumerate(due) if any(_is_answer(text, t) for t in one.texts)]
        # Of equal answers, take the first message after the block: earlier ones may stay unanswered.
        after = [place for place in fits if due[place].message_id > blocked_at]
        place = next((place for place in after if not due[place].optional), (*after, *fits, None)[0])
        if place is None:
            result.doubled += 1
            result.note(f"user {user_id}: message {copy.id} says once more {text[:20]!r}; due {due[:3]}")
            continue
        first = due[fits[0]].message_id
        skipped = [one for one in due[: fits[0]] if blocked_at < one.message_id < first and not one.optional]
        if ordered and skipped:
            result.disordered += 1
            result.note(f"user {user_id}: message {due[place].message_id} was answered before {due[0]}")
        del due[place]
    for one in due:
        if one.optional:
            result.told += 1
        elif one.message_id <= blocked_at:
            result.excused += 1
        else:
            result.lost += 1
            result.note(f"user {user_id}: message {one.message_id} has no answer {one.texts[0][:20]!r}")


def _is_poison(copy: Copy) -> bool:
    """Return whether a message brings the bot down: it is kept for somebody who asks for it."""
    return copy.post.text.startswith("poison")


def _is_answer(text: str, answer: str) -> bool:
    """Return whether a text of the bot is this answer; of a greeting, only the beginning is known."""
    return text == answer or (answer.endswith(",") and text.startswith(answer))


def audit_files(site: Site, result: Audit) -> None:
    """Compare what is on disk with the sandbox; the bot has stopped, and no update waits for it."""
    with contextlib.closing(sqlite3.connect(f"file:{site.session}?mode=ro", uri=True)) as session:
        hashes = dict(session.execute("SELECT id, hash FROM entities").fetchall())
    registry = open_readonly(site.registry)
    try:
        audit_kept(site, result, hashes, registry.get)
    finally:
        registry.close()


def audit_kept(
    site: Ground, result: Audit, hashes: Mapping[int, int], get: Callable[[int], User | None]
) -> None:
    """Compare access hashes and users that are kept with the sandbox."""
    unread, now = site.unread(), site.world.date()
    for user_id in site.users():
        if all(copy.id in unread or _is_poison(copy) for copy in site.dialog(user_id)):
            continue  # nothing of them was handled
        if hashes.get(user_id) != site.world.accounts.access_hash(site.bot.id, user_id):
            result.hashes_missing += 1
            result.note(f"user {user_id}: no access hash is kept, or another one")
        user = get(user_id)
        if user is None:
            result.users_missing += 1
            result.note(f"user {user_id} is not in the registry")
            continue
        blocked = site.bot.id in site.world.accounts[user_id].blocked
        access = user.verdict(now).access
        if access is not (Access.BLOCKED if blocked else Access.REACHABLE):
            result.access_wrong += 1
            result.note(f"user {user_id} is {access}, has it blocked: {blocked}; {user.evidence}")


def audit_people(site: Ground, result: Audit) -> None:
    """Compare what each person received over the wire with what the sandbox has for them."""
    for person in site.people:
        box = site.world.accounts[person.id].box
        copies = (box.get(number) for number in box.history(site.bot.id))
        sent = Counter(copy.post.text for copy in copies if copy is not None and not copy.out)
        missing = sent - Counter(person.heard)
        result.unheard += missing.total()
        for text in missing:
            result.note(f"{person.id} never heard {text[:20]!r}")


async def quiet(site: Ground, blocked_at: dict[int, int], seconds: float = PATIENCE) -> None:
    """Return when everything is answered, or when nothing more was answered for `seconds`."""
    clock = asyncio.get_running_loop().time
    size, since = -1, clock()
    while clock() - since < seconds:
        if len(site.account.box) != size:
            size, since = len(site.account.box), clock()
            if not audit_answers(site, blocked_at).lost:
                return
        await asyncio.sleep(0.1)
