"""The buttons of broadcasts: each does what its message says, if the broadcast is in a state for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec
from telethon import events

from tgbot.core.broadcasterrors import BroadcastStateError, BroadcastUnknownError, PriceError
from tgbot.core.broadcasts import Broadcast, State
from tgbot.core.users import User
from tgbot.handlers.broadcast import view
from tgbot.handlers.broadcast.messages import BroadcastMessages
from tgbot.handlers.broadcast.refusals import in_words, refused
from tgbot.handlers.broadcast.report import Reports
from tgbot.handlers.commands import acknowledge, peer_of, show_instead
from tgbot.handlers.live import Place, View
from tgbot.handlers.wording import Words, dashed
from tgbot.messaging.broadcast.broadcasts import Broadcasts
from tgbot.plugins.parts import Parts

#: The states in which each button does something; in the others the message shows what is so now.
_FITS: Final[dict[str, tuple[State, ...]]] = {
    "test": (State.DRAFT, State.SCHEDULED),
    "plan": (State.DRAFT,),
    "start": (State.DRAFT,),
    "yes": (State.DRAFT,),
    "drop": (State.DRAFT,),
    "no": tuple(State),
    "pause": (State.RUNNING,),
    "resume": (State.PAUSED,),
    "late": (State.DONE,),
    "cancel": view.OPEN,
    "end": view.OPEN,
    "report": (State.RUNNING, State.PAUSED, State.DONE, State.CANCELLED),
    "show": tuple(State),
}


class _Press(NamedTuple):
    """A press of a button."""

    say: Words
    #: The message with the button, and who pressed it.
    place: Place
    user_id: int
    broadcast: Broadcast
    #: The edition and the price that were agreed to, of "yes" only.
    edition: int
    stars: int


class _Done(NamedTuple):
    """What a press did."""

    #: A short notice over the chat.
    notice: str | None = None
    #: What the message shows then; None: the broadcast as it is now.
    view: View | None = None
    #: Whether the message changes at all.
    changes: bool = True


_Action: TypeAlias = Callable[[_Press], Awaitable[_Done]]


class Presses:
    """Carry out presses, by admins only."""

    #: What the bytes of the buttons are; the group is what is passed on.
    pattern: Final = view.DATA.encode() + rb"([0-9]{1,9}:[a-z]{1,9}(?::[0-9]{1,9}:[0-9]{1,9})?)"

    def __init__(self, parts: Parts, messages: BroadcastMessages, reports: Reports) -> None:
        self._broadcasts = parts.broadcasts
        self._admins = parts.admins
        self._checkpoint = parts.checkpoint
        self._messages = messages
        self._reports = reports
        self._actions: dict[str, _Action] = {
            "test": self._test,
            "plan": self._plan,
            "start": self._start,
            "yes": self._yes,
            "drop": self._end,
            "no": self._no,
            "pause": self._pause,
            "resume": self._resume,
            "late": self._resume,
            "cancel": self._cancel,
            "end": self._end,
            "report": self._report,
            "show": self._no,
        }

    async def pressed(
        self, event: events.CallbackQuery.Event, chosen: str, user: User | None, say: Words
    ) -> None:
        if event.sender_id not in self._admins:
            await acknowledge(event)
            return
        number, word, edition, stars = (*chosen.split(":"), "0", "0")[:4]
        place = Place(event.chat_id, event.message_id)
        try:
            broadcast = self._broadcasts.get(int(number))
            press = _Press(say, place, event.sender_id, broadcast, int(edition), int(stars))
            done = await self._done(press, word)
            shown = (done.view or await self._current(press)) if done.changes else None
        except BroadcastUnknownError:
            await acknowledge(event, say("broadcast-unknown", id=number))
            return
        if shown is None:
            await acknowledge(event, done.notice)
            return
        if shown.still:
            self._messages.leave(place)
        await show_instead(event, peer_of(event), shown.text, notice=done.notice, buttons=shown.buttons)
        if not shown.still:
            self._messages.follow(broadcast.id, place, shown)
            await self._checkpoint()  # the message goes on after a kill

    async def _done(self, press: _Press, word: str) -> _Done:
        if press.broadcast.state not in _FITS.get(word, ()):
            return self._too_late(press)
        try:
            return await self._actions[word](press)
        except BroadcastStateError:  # another admin was faster
            return self._too_late(press)
        except BroadcastUnknownError:
            raise
        except Exception as error:
            return _Done(in_words(press.say, error))

    def _too_late(self, press: _Press) -> _Done:
        state = self._broadcasts.get(press.broadcast.id).state
        return _Done(press.say("broadcast-now", state=press.say(dashed("broadcast-short", state))))

    async def _current(self, press: _Press) -> View:
        if self._broadcasts.get(press.broadcast.id).state is State.DRAFT:
            return await drafted(self._broadcasts, press.say, press.broadcast.id)
        return self._messages.progress(press.say, press.broadcast.id, press.place)

    # ---- drafts --------------------------------------------------------------------------------

    async def _test(self, press: _Press) -> _Done:
        troubles = await sent_to(self._broadcasts, press.broadcast, press.user_id)
        notice = refused(press.say, troubles[0]) if troubles else press.say("broadcast-tested")
        return _Done(notice, changes=False)

    async def _plan(self, press: _Press) -> _Done:
        return _Done(view=await drafted(self._broadcasts, press.say, press.broadcast.id, full=True))

    async def _start(self, press: _Press) -> _Done:
        plan = msgspec.convert(await self._broadcasts.plan(press.broadcast.id), view.Plan)
        if not plan.recipients:
            return _Done(press.say("broadcast-nobody"))
        return _Done(view=view.start_question(press.say, press.broadcast, plan))

    async def _yes(self, press: _Press) -> _Done:
        if view.edition(press.broadcast) != press.edition:
            return _Done(press.say("broadcast-changed"))
        try:
            await self._broadcasts.start(press.broadcast.id, stars_agreed=press.stars)
        except PriceError:  # there are more recipients by now
            return await self._start(press)
        return _Done()

    # ---- what was started ----------------------------------------------------------------------

    async def _pause(self, press: _Press) -> _Done:
        await self._broadcasts.pause(press.broadcast.id)
        return _Done()

    async def _resume(self, press: _Press) -> _Done:
        await self._broadcasts.resume(press.broadcast.id)
        return _Done()

    async def _cancel(self, press: _Press) -> _Done:
        self._messages.ask_to_cancel(press.place, True)
        return _Done()

    async def _end(self, press: _Press) -> _Done:
        await self._broadcasts.cancel(press.broadcast.id)
        return _Done()

    async def _no(self, press: _Press) -> _Done:
        self._messages.ask_to_cancel(press.place, False)
        return _Done()

    async def _report(self, press: _Press) -> _Done:
        begun = self._reports.begin(press.place.chat, press.say, press.broadcast)
        return _Done(
            press.say("broadcast-report-begun" if begun else "broadcast-report-making"), changes=False
        )


async def drafted(
    broadcasts: Broadcasts, say: Words, broadcast_id: int, *, full: bool = False, troubles: Sequence[str] = ()
) -> View:
    """Return a draft with its plan; `troubles` are the names of errors with which Telegram refused a test."""
    trouble = "\n".join(refused(say, name) for name in troubles)
    try:
        plan = msgspec.convert(await broadcasts.plan(broadcast_id), view.Plan)
    except Exception as error:
        plan, trouble = None, in_words(say, error)
    return view.draft(say, broadcasts.get(broadcast_id), plan, full=full, trouble=trouble)


async def sent_to(broadcasts: Broadcasts, draft: Broadcast, user_id: int) -> list[str]:
    """Send a user what people will get, in each of its languages; return the names of errors."""
    results = [
        (await broadcasts.test(draft.id, [user_id], language=code))[user_id] for code in draft.contents
    ]
    return [result for result in results if result != "sent"]
