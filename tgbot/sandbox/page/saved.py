"""What was recorded as a test of pytest on `tgbot.testing`: people do it again, and the bot says the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .attached import picture, sending
from .records import (
    OF_THE_BOT,
    Album,
    Blocked,
    Changed,
    Deleted,
    Edited,
    Fault,
    GroupOpened,
    Heard,
    Joined,
    Key,
    Labels,
    Left,
    LeftOut,
    Media,
    Origin,
    Pressed,
    Process,
    Record,
    Said,
    Settled,
    Turned,
    Who,
    repeatable,
)
from .wording import expected, formatting, identifier, literal, slug


@dataclass(frozen=True, slots=True)
class Saved:
    """A test: the name of its file, its text, and what could not be put into it."""

    file: str
    text: str
    left_out: tuple[str, ...]


def save(
    name: str,
    records: Sequence[Record],
    people: Sequence[Who],
    origin: Origin,
    *,
    known: Iterable[str] = (),
    in_process: bool = False,
) -> Saved:
    """Return what was recorded as a test. `known` are texts that differ in each run, such as ids."""
    writing = _Writing(repeatable(records), people, origin, tuple(known))
    body = writing.body()
    marker = dict(origin.marker) | ({"in_process": True} if in_process else {})
    decorator = f"@pytest.mark.tgbot({', '.join(f'{key}={value!r}' for key, value in marker.items())})\n"
    source = "\n".join(f"    {line}" for line in body)
    imports = [
        *(["import base64"] if "base64.b64decode(" in source else []),
        *(["import re"] if "re.compile(" in source else []),
        *(["import pytest"] if marker else []),
        *(["from telethon.tl import types"] if "types.Message" in source else []),
    ]
    standard = sum(line in ("import base64", "import re") for line in imports)
    if 0 < standard < len(imports):
        imports.insert(standard, "")
    fixtures = ", ".join(["bot", "person", *(["sandbox"] if "sandbox." in source else [])])
    head = [
        '"""Recorded on the page of the sandbox."""',
        *(f"# {line}" for line in origin.note.splitlines()),
        "",
    ]
    text = "\n".join([*head, *imports, *(["", ""] if imports else [""])])
    text += f"\n{decorator if marker else ''}async def test_{slug(name)}({fixtures}):\n{source}\n"
    return Saved(f"test_{slug(name)}.py", text, tuple(dict.fromkeys(writing.left_out)))


@dataclass(slots=True)
class _Writing:
    """The body of one test, while it is written."""

    records: Sequence[Record]
    people: Sequence[Who]
    origin: Origin
    known: tuple[str, ...]
    lines: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    #: The variables of people, and of those messages that are named again.
    names: dict[int, str] = field(default_factory=dict)
    variables: dict[Key, str] = field(default_factory=dict)
    #: The buttons of all messages that a person has, in the order of their arrival.
    buttons: dict[Key, Labels] = field(default_factory=dict)
    #: The messages that the test has a variable for already.
    written: set[Key] = field(default_factory=set)
    #: The groups that are there, each with the member who hears in it what the bot says.
    hearers: dict[int, int] = field(default_factory=dict)
    running: bool = True
    #: Whether the bot was idle before what is done next, and whether the test waits for that already.
    settled: bool = True
    waited: bool = True

    def body(self) -> list[str]:
        """Return the lines."""
        if not any(not isinstance(record, (*OF_THE_BOT, LeftOut)) for record in self.records):
            self._leave_out("nothing was done")
        for number, who in enumerate(self.people, 1):
            self.names[who.id] = identifier(who.name, self.names.values(), number)
            self._introduce(who)
        # Twice: the first time shows which messages need a variable.
        start = self.lines[:], self.left_out[:]
        self._write_all()
        self.lines, self.left_out = start
        self.buttons, self.written, self.hearers, self.running = {}, set(), {}, True
        self.settled = self.waited = True
        self._write_all()
        if self.running:
            self.lines += [f"await {self.names[who.id]}.hears_nothing()" for who in self.people]
            for chat, hearer in self.hearers.items():
                self.lines.append(f"await {self.names[hearer]}.hears_nothing(chat={self.names[chat]})")
        return self.lines

    def _introduce(self, who: Who) -> None:
        more = [
            *([f"username={who.username!r}"] if who.username else []),
            *([f"language={who.language!r}"] if who.language else []),
            *(["premium=True"] if who.premium else []),
            *(["admin=True"] if who.admin else []),
        ]
        name = self.names[who.id]
        self.lines.append(f"{name} = await person({', '.join([literal(who.name), *more])})")
        if who.last_name:
            self.lines.append(f"sandbox.world.set_name({name}.id, {who.name!r}, {who.last_name!r})")
        if not who.language:
            # Clients of tests tell a language as they log in.
            self.lines.append(f"sandbox.world.accounts[{name}.id].language = None")

    def _write_all(self) -> None:
        for index, record in enumerate(self.records):
            if isinstance(record, OF_THE_BOT) and not self.running:
                # A bot may answer before whoever starts it hears that it has started.
                self._write(Process("start"), [])
            if record == Process("start") and self.running:
                continue
            self._write(record, self._until_a_deed(index + 1))

    def _until_a_deed(self, start: int) -> list[Record]:
        """Return what the bot did between this record and the next that is not the bot's."""
        found: list[Record] = []
        for record in self.records[start:]:
            if isinstance(record, OF_THE_BOT):
                found.append(record)
            elif not isinstance(record, Settled):
                break
        return found

    def _write(self, record: Record, then: list[Record]) -> None:
        if isinstance(record, Settled):
            self.settled = True
            return
        if isinstance(record, OF_THE_BOT):
            self.waited = True
        elif not isinstance(record, LeftOut):
            self._be_settled(record)
        later = {one.key: one for one in then if isinstance(one, Edited)}
        gone = {one.key for one in then if isinstance(one, Deleted)}
        match record:
            case Said():
                self._said(record)
            case Album():
                self._album(record)
            case GroupOpened():
                self._group(record)
            case Joined(who, chat):
                self._await(f"{self.names[who]}.joins({self.names[chat]})")
            case Left(who, chat) if self.hearers.get(chat) == who:
                self._leave_out(f"that {self.names[who]} left a group")
            case Left(who, chat):
                self._await(f"{self.names[who]}.leaves({self.names[chat]})")
            case Changed(key) if key not in self.written:
                self._leave_out("the change of a message that the test does not have")
            case Changed(key, text):
                self._lacking(record.lacks)
                entities = formatting(record.entities)
                self._await(
                    f"{self._of(key, record.who)}.edits({self._message(key)}, {literal(text)}{entities})"
                )
            case Pressed():
                self._pressed(record)
            case Blocked(who, blocked):
                self._await(f"{self.names[who]}.{'blocks' if blocked else 'unblocks'}()")
            case Turned(now):
                self._turned(now)
            case Heard(key) if key in gone:
                self._leave_out("a message that the bot deleted at once")
            case Heard(key):
                self._heard(record, changes=key in later, then=then)
            case Edited(key) if key in gone or key in later:
                self.buttons[key] = record.labels
            case Edited(key, text, labels):
                self._await(f"{self._of(key)}.sees_edited({self._expected(text)})")
                self._see(key, labels, then)
            case Deleted(key, by_bot=True) if key in self.buttons:
                self._await(f"{self._of(key)}.sees_deleted({self._message(key)})")
                self.buttons.pop(key, None)
            case Deleted(key, by_bot=False) if key not in self.written:
                self._leave_out("that a message was deleted which the test does not have")
            case Deleted(key, by_bot=False):
                self._delete(key)
            case Process(what):
                self._process(what)
            case Fault(line):
                self._fault(line)
            case LeftOut(what):
                self._leave_out(what)

    def _be_settled(self, record: Record) -> None:
        """Wait until the bot is idle if it was then, or if it matters which of the two is first."""
        delicate = isinstance(record, Blocked | Changed | Turned | Deleted)
        if self.running and not self.waited and (self.settled or delicate):
            if not self.settled:
                self._leave_out("that the bot was still busy before what follows")
            self._await("bot.finished()")
        # Of these the bot has nothing to handle.
        self.settled = self.waited = isinstance(record, Turned | Fault | Process)

    def _said(self, record: Said) -> None:
        name, key, chat = self._of(record.key, record.who), record.key, self._chat(record.key)
        if record.start is not None:
            self._await(f"{name}.starts({literal(record.start)})", key)
            return
        if record.forwarded is not None:
            source = key[0], record.forwarded
            if source in self.written:
                self._lacking(record.lacks)
                self._await(f"{name}.forwards({self._message(source)}{chat})", key)
                return
            self._leave_out("that a message was forwarded")
        self._lacking(record.lacks)
        reply = self._reply(record)
        if record.media is None:
            entities = formatting(record.entities)
            self._await(f"{name}.says({literal(record.text)}{chat}{reply}{entities})", key)
            return
        lacks: list[str] = []
        sent = sending(record, lacks)
        self._lacking(lacks)
        caption = f", caption={literal(record.text)}" if record.text else ""
        self._await(f"{name}.sends({sent}{caption}{chat}{reply})", key)

    def _album(self, album: Album) -> None:
        first, *others = album.items
        if any(one.media is not Media.PHOTO for one in album.items) or any(one.text for one in others):
            self._leave_out("that several files were an album")
            for one in album.items:
                self._said(one)
            return
        lacks = [what for one in album.items for what in one.lacks]
        pictures = ", ".join(picture(one, lacks) for one in album.items)
        self._lacking(lacks)
        caption = f", caption={literal(first.text)}" if first.text else ""
        name, chat = self._of(first.key, first.who), self._chat(first.key)
        call = f"{name}.sends(album=[{pictures}]{caption}{chat}{self._reply(first)})"
        keys = [one.key for one in album.items]
        if any(key in self.variables for key in keys):
            targets = ", ".join(self._message(key) for key in keys)
            self.lines.append(f"{targets}{'' if others else ','} = await {call}")
        else:
            self._await(call)
        self.written.update(keys)

    def _reply(self, record: Said) -> str:
        if record.reply_to is None:
            return ""
        answered = record.key[0], record.reply_to
        if answered in self.written:
            return f", reply_to={self._message(answered)}"
        self._leave_out("to which message the next one was a reply")
        return ""

    def _lacking(self, lacks: Iterable[str]) -> None:
        for what in lacks:
            self._leave_out(what)

    def _pressed(self, record: Pressed) -> None:
        key, name = record.key, self._of(record.key, record.who)
        if not record.notice:
            self._leave_out(f"the press of [{record.label}], which the bot did not answer")
            return
        newest = next(
            (
                each
                for each in reversed(self.buttons)
                if each[0] == key[0] and record.label in self.buttons[each]
            ),
            None,
        )
        which = "" if newest == key and key[0] > 0 else f", message={self._message(key)}"
        call = f"await {name}.presses({literal(record.label)}{which})"
        notice = record.notice[-1]
        if not notice:
            self.lines.append(call)
        elif (what := self._expected(notice)).startswith("re."):
            self.lines.append(f"assert {what}.search({call})")
        else:
            self.lines.append(f"assert {call} == {what}")

    def _heard(self, record: Heard, *, changes: bool, then: list[Record]) -> None:
        # A message that the bot changes at once may arrive as it is afterwards.
        text = "" if changes or (record.media and not record.text) else self._expected(record.text)
        asked = f"{text}{self._chat(record.key)}".removeprefix(", ")
        self._await(f"{self._of(record.key)}.hears({asked})", record.key)
        if changes:
            self.buttons[record.key] = record.labels
        else:
            self._see(record.key, record.labels, then)

    def _see(self, key: Key, labels: Labels, then: list[Record]) -> None:
        before = self.buttons.get(key, ())
        self.buttons[key] = labels
        if not labels and not before:
            return
        more = any(isinstance(one, Heard) and one.key[0] == key[0] for one in then)
        newest = next((each for each in reversed(self.buttons) if each[0] == key[0]), key)
        message = f"message={self._message(key)}" if more or newest != key or key[0] < 0 else ""
        given = [*(literal(label) for label in labels), *([message] if message else [])]
        self._await(f"{self._of(key)}.sees_buttons({', '.join(given)})")

    def _turned(self, now: Who) -> None:
        name = self.names[now.id]
        account = f"sandbox.world.accounts[{name}.id]"
        names = f", {now.username!r}" if now.username else ""
        self.lines += [
            f"sandbox.world.set_name({name}.id, {now.name!r}, {now.last_name!r})",
            f"sandbox.world.set_usernames({name}.id{names})",
            f"{account}.language, {account}.premium = {now.language or None!r}, {now.premium}",
        ]

    def _delete(self, key: Key) -> None:
        # Without the peer, which a client does not know before the bot's first word.
        self._await(f"{self._of(key)}.client.delete_messages(None, [{self._message(key)}.id])")
        self.buttons.pop(key, None)

    def _process(self, what: str) -> None:
        self.running = what == "start"
        call = {"kill": "kill(start=False)", "stop": "stop()", "start": "start()"}[what]
        self._await(f"bot.{call}")

    def _fault(self, line: str) -> None:
        # The bot has another id in the test.
        written = literal(line)
        self._await(f"sandbox.command({'f' if '{bot.id}' in line else ''}{written})")

    def _leave_out(self, what: str) -> None:
        self.left_out.append(what)
        self.lines.append(f"# Not in this test: {what}.")

    def _await(self, call: str, key: Key | None = None) -> None:
        """Add a call; its result gets the variable of a message that is named again."""
        name = self.variables.get(key) if key is not None else None
        if key is not None:
            self.written.add(key)
        self.lines.append(f"{name} = await {call}" if name is not None else f"await {call}")

    def _message(self, key: Key) -> str:
        """Return the variable of a message, which from now on has one."""
        if key not in self.variables:
            self.variables[key] = f"message_{len(self.variables) + 1}"
        return self.variables[key]

    def _of(self, key: Key, who: int = 0) -> str:
        """Return the variable of the person who does it, or who hears it."""
        return self.names[who or self.hearers.get(key[0], key[0])]

    def _chat(self, key: Key) -> str:
        return f", chat={self.names[key[0]]}" if key[0] < 0 else ""

    def _group(self, group: GroupOpened) -> None:
        if group.chat not in self.names:
            self.names[group.chat] = identifier(group.title, self.names.values(), len(self.names) + 1)
        self.hearers[group.chat] = group.people[0]
        people = "".join(f", {self.names[who]}" for who in group.people)
        admin = ", admin=True" if group.admin else ""
        name = self.names[group.chat]
        self.lines.append(f"{name} = await bot.group({literal(group.title)}{people}{admin})")

    def _expected(self, text: str) -> str:
        return expected(text, self.known)
