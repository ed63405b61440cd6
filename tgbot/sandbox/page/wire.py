"""The wire, for the page: what went over it, as it happens and before; and the stories of messages."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..records import Kind, Record
from ..server import Sandbox
from ..trace import Trace
from .causes import Causes, Names
from .reading import Readings, error_of
from .stories import Stories, session_of
from .tabs import Deed, DeedError, Tab, number, text

#: Seconds between two batches of new rows.
BEAT: Final = 0.1
#: The most rows in one batch. If more come than that, only so many of the newest are told, because nobody
#: reads a hundred in a second, and reading costs the sandbox time.
BATCH, FLOOD = 40, 8
#: The most records that a filter looks at for one batch; the rest is left out.
LOOKED_AT: Final = 150
#: Rows of the past that come at once.
PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Filter:
    """What a tab wants to see."""

    account: int | None = None
    kinds: frozenset[Kind] = frozenset(Kind)
    #: Words in lower case, each of which must be in the name, the text or the account's name.
    words: tuple[str, ...] = ()


class _Viewer:
    """A tab whose panel is open."""

    def __init__(self, wanted: Filter, last: int) -> None:
        self.wanted = wanted
        #: The number of the last record that it was told of, or that was left out.
        self.last = last


class Wire:
    """Show the wire to tabs.

    {"do": "wire-open", "account", "kinds", "words"} is answered with the last rows, and the event "wire"
    brings new ones from then on, until "wire-close". {"do": "wire-more", "before": n} is answered with older
    rows, {"do": "wire-entry", "number": n} with all about one, {"do": "wire-story", "account", "peer",
    "message"} with what led to a message and what it led to, and "wire-clear" forgets all.
    """

    def __init__(self, sandbox: Sandbox, names: Names | None = None) -> None:
        self._sandbox = sandbox
        self.trace = Trace(lambda: sandbox.world.now())
        self._readings = Readings()
        causes = Causes(self.trace, self._readings, names)
        self._stories = Stories(sandbox, causes, self._readings, self._name_of)
        self._viewers: dict[Tab, _Viewer] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.deeds: Mapping[str, Deed] = {
            "wire-open": self._open,
            "wire-close": self._close,
            "wire-more": self._more,
            "wire-entry": self._entry,
            "wire-story": self._story,
            "wire-clear": self._clear,
        }

    def open(self) -> None:
        """Begin to record: what was before the panel was opened is shown, too."""
        self._sandbox.trace = self.trace

    def close(self) -> None:
        """Stop to record."""
        self._sandbox.trace = None
        self.trace.heard = None
        if self._timer is not None:
            self._timer.cancel()

    def welcome(self, tab: Tab) -> None:
        """Tell nothing: a tab says when its panel is open."""

    def leave(self, tab: Tab) -> None:
        """Forget a tab."""
        self._viewers.pop(tab, None)
        if not self._viewers:
            self.trace.heard = None

    # -- deeds

    async def _open(self, tab: Tab, asked: Mapping[str, Any]) -> object:
        viewer = _Viewer(_filter(asked), self.trace.last)
        rows = await self._rows_before(self.trace.last + 1, viewer.wanted)
        self._viewers[tab] = viewer
        self.trace.heard = self._heard
        if self.trace.last > viewer.last:
            self._heard()
        return rows

    async def _close(self, tab: Tab, asked: Mapping[str, Any]) -> object:
        self.leave(tab)
        return True

    async def _more(self, tab: Tab, asked: Mapping[str, Any]) -> object:
        viewer = self._viewers.get(tab)
        return await self._rows_before(number(asked, "before"), viewer.wanted if viewer else Filter())

    async def _entry(self, tab: Tab, asked: Mapping[str, Any]) -> object:
        record = self.trace.get(number(asked, "number"))
        if record is None:
            raise DeedError("this is not recorded any more: newer messages took its place")
        call = record if record.kind is Kind.CALL else record.call
        answer = record.answer if call is record else None
        return {
            **self._row(record),
            "call": None if call is None or call is record else call.number,
            "answer": None if answer is None else answer.number,
            "msg_id": str(record.msg_id) if record.msg_id else "",
            "seq_no": record.seq_no,
            "key": "" if record.key is None else record.key[0].hex(),
            "layer": record.layer,
            "dc": self._sandbox.world.number(record.dc_id),
            "value": self._readings.json(record),
        }

    async def _story(self, tab: Tab, asked: Mapping[str, Any]) -> object:
        return self._stories.of(number(asked, "account"), number(asked, "peer"), number(asked, "message"))

    async def _clear(self, tab: Tab, asked: Mapping[str, Any]) -> object:
        self.trace.clear()
        for viewer in self._viewers.values():
            viewer.last = self.trace.last
        for each in self._viewers:
            each.tell("wire-cleared")
        return True

    # -- rows

    async def _rows_before(self, before: int, wanted: Filter) -> dict[str, object]:
        """Return the last rows with numbers below one, oldest first, and whether there are older ones."""
        rows: list[dict[str, object]] = []
        records = self.trace.records()
        if records and records[-1].number >= before:
            del records[max(0, before - records[0].number) :]
        looked = 0
        for record in reversed(records):
            looked += 1
            if self._suits(record, wanted):
                rows.append(self._row(record))
                if len(rows) == PAGE:
                    break
            if looked % BATCH == 0:
                # Reading takes time: the sandbox answers its clients in between.
                await asyncio.sleep(0)
        older = len(records) > looked
        return {"rows": rows[::-1], "older": older, "last": self.trace.last}

    def _heard(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(BEAT, self._tell)

    def _tell(self) -> None:
        """Tell all viewers of the newest records; say how many were left out."""
        self._timer = None
        for tab, viewer in self._viewers.items():
            records = self.trace.records(viewer.last)
            missed = self.trace.last - viewer.last - len(records)
            viewer.last = self.trace.last
            rows, left_out = self._newest(records, viewer.wanted)
            if rows or left_out or missed:
                tab.tell("wire", rows=rows, left_out=left_out + missed)

    def _newest(self, records: Sequence[Record], wanted: Filter) -> tuple[list[dict[str, object]], int]:
        suitable = [each for each in reversed(records[-LOOKED_AT:]) if self._suits(each, wanted)]
        shown = suitable if len(suitable) <= BATCH else suitable[:FLOOD]
        left_out = len(suitable) - len(shown) + max(0, len(records) - LOOKED_AT)
        return [self._row(each) for each in reversed(shown)], left_out

    def _suits(self, record: Record, wanted: Filter) -> bool:
        if record.kind not in wanted.kinds:
            return False
        if wanted.account is not None and (record.account or 0) != wanted.account:
            return False
        if not wanted.words:
            return True
        readings = self._readings
        said = " ".join((readings.name(record), self._name_of(record.account), record.fault)).lower()
        if all(word in said for word in wanted.words):
            return True
        more = (readings.summary(record), self._chat_name(readings.about(record)), self._error(record))
        said += " ".join(more).lower()
        return all(word in said for word in wanted.words)

    def _row(self, record: Record) -> dict[str, object]:
        row: dict[str, object] = {
            "number": record.number,
            "time": record.time,
            "kind": record.kind.value,
            "out": record.out,
            "name": self._readings.name(record),
            "text": self._readings.summary(record),
            "size": record.size,
            "account": record.account or 0,
            "who": self._name_of(record.account),
            "about": self._chat_name(self._readings.about(record)),
            "session": session_of(record),
            "took": None if record.took is None else round(record.took * 1000, 3),
            "fault": record.fault,
            "error": self._error(record),
        }
        if record.call is not None:
            row["of"] = record.call.number
            row["method"] = self._readings.name(record.call)
        return row

    def _error(self, record: Record) -> str:
        value = self._readings.value(record) if record.kind is Kind.ANSWER else None
        return error_of(record, value)

    def _chat_name(self, marked: int) -> str:
        chat = self._sandbox.world.chats.get(marked) if marked < 0 else None
        return self._name_of(marked) if chat is None else chat.title

    def _name_of(self, account: int | None) -> str:
        found = None if account is None else self._sandbox.world.accounts.get(account)
        if found is None:
            return ""
        username = f"@{found.usernames[0]}" if found.is_bot and found.usernames else ""
        return username or f"{found.first_name} {found.last_name}".strip()


def _filter(asked: Mapping[str, Any]) -> Filter:
    account = asked.get("account")
    kinds = asked.get("kinds")
    known: Iterable[str] = {kind.value for kind in Kind}
    if kinds is not None and (not isinstance(kinds, list) or not all(kind in known for kind in kinds)):
        raise DeedError(f"kinds is not a list of some of these: {', '.join(Kind)}")
    return Filter(
        None if account is None else number(asked, "account"),
        frozenset(Kind) if kinds is None else frozenset(map(Kind, kinds)),
        tuple(text(asked, "words", "").lower().split()),
    )
