"""The end of the chain: a request goes over the link, and again over the next one, until it is answered."""

from __future__ import annotations

import asyncio
from copy import copy
from typing import Final

from telethon import errors
from telethon.tl import TLObject, TLRequest, alltlobjects, functions

from tgbot.telegram.calls.call import Call
from tgbot.telegram.calls.unanswered import Open, Unanswered
from tgbot.telegram.refusals import LINK_ENDED, NoAnswerError, ends_login
from tgbot.telegram.updates.job import waiting
from tgbot.telegram.wire.link import LinkState, Sender, making_login
from tgbot.telegram.wire.reading import UnreadableError, innermost, reason

#: A request that ends the login so many times in a row is given up: it may be the request's own fault.
MAX_LOGINS = 3
#: The pauses before a request during which links ended is made again, in seconds.
LOST_PAUSES = (0.1, 0.5, 1.0, 2.0)
#: What Telethon says of a request that is too big for a packet.
_TOO_BIG: Final = "Request payload is too big"
_LINK_ENDED: Final = "the link ended before the answer"


class _HeldBackError(ConnectionResetError):
    """Links ended while a request was open, which may be what ends them."""


class UntilAnswered:
    """Send a request; if the link or the login ends before the answer, send it again when both are back.

    A request that is not answered in time goes again over a fresh link; NoAnswerError is raised in the end.
    Where link after link ends before the answer, it is held back from the others and sent alone, a few times.
    UnreadableError is raised for an answer that cannot be read. Once a link has ended for good, requests over
    other senders, and those that a login makes, are not sent again. Time without a link does not count as the
    handler's own.
    """

    def __init__(self, main: Sender, state: LinkState, introduction: functions.InitConnectionRequest) -> None:
        self._main = main
        self._state = state
        self._introduction = introduction
        self._unanswered = Unanswered(
            renew=lambda: state.renew("a request was not answered in time"),
            is_up=lambda: state.up.running,
        )
        state.link_ended = self._unanswered.link_ended
        #: Note that a request which was begun has ended, in whatever way.
        self.ended = self._unanswered.drop
        #: Requests that may be what ends links go out one at a time.
        self._suspects = asyncio.Lock()
        #: Those of senders to other data centres, of which there are few.
        self._elsewhere: dict[Sender, Unanswered] = {}

    def begin(self, call: Call) -> Open | None:
        """Send a request if the link is up and needs nothing before it; else return None.

        `ended` is to be called once the request has ended.
        """
        sender, request, state = call.sender, call.request, self._state
        if sender is not self._main or not state.up.running or state.fresh_session or making_login.get():
            return None
        kind = type(innermost(request)) if hasattr(request, "query") else type(request)
        return self._unanswered.add(sender.send(request), kind, 0, state.logins)

    async def call(self, call: Call) -> TLObject:
        sender, request, state = call.sender, call.request, self._state
        again = sender is self._main and not making_login.get()
        introducing = False
        if state.fresh_session and sender is self._main:
            state.fresh_session = False
            request = introduced(self._introduction, request)
        logins = lost = 0
        while True:
            begun = None if call.begun is None else call.begun.take()
            login = state.logins if begun is None else begun.login
            try:
                if begun is not None:
                    return await self._settle(begun, request)
                if not again:
                    return await self._once(sender, request)
                if lost:
                    async with waiting(), self._suspects:
                        return await self._once(sender, request, lost=1)
                if state.up.running:
                    return await self._once(sender, request)
                async with waiting():
                    return await self._once(sender, request)
            except errors.ConnectionNotInitedError:
                if introducing:
                    raise
                introducing = True
                request = introduced(self._introduction, call.request)
                continue
            except NoAnswerError:
                raise
            except errors.RPCError as error:
                if not again or not ends_login(error):
                    raise
                logins += login == state.logins  # else it is a late word on a login before the present one
                if logins == MAX_LOGINS:
                    raise
                state.end_login(login)
            except _HeldBackError:
                if not again:
                    raise
                if lost == len(LOST_PAUSES):
                    raise NoAnswerError(_name(request)) from None
                async with waiting():
                    await asyncio.sleep(LOST_PAUSES[lost])
                lost += 1
            except (OSError, errors.AuthKeyNotFound):
                if not again or state.closed:
                    raise
            async with waiting():
                await state.ready.wait()

    async def _once(self, sender: Sender, request: TLRequest, *, lost: int = 0) -> TLObject:
        """Send a request once, and return or raise its answer; raise ConnectionError if the link ends.

        `lost` links have ended during it before.
        """
        unanswered = self._unanswered if sender is self._main else self._of(sender)
        made = unanswered.add(sender.send(request), type(innermost(request)), lost=lost)
        try:
            return await self._settle(made, request)
        finally:
            unanswered.drop(made)

    async def _settle(self, made: Open, request: TLRequest) -> TLObject:
        """Return the answer to a request that was sent, or raise what its end means."""
        problem: Exception
        try:
            return await made.future
        except (errors.RPCError, errors.AuthKeyNotFound, UnreadableError):
            raise
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not made.future.cancelled() or self._state.closed or (task and task.cancelling()):
                raise
            if made.given_up:
                problem = NoAnswerError(_name(request))
            elif made.held_back:
                problem = _HeldBackError()
            else:  # Telethon cancels the futures of unanswered requests when it disconnects.
                problem = ConnectionResetError(_LINK_ENDED)
        except LINK_ENDED:
            problem = ConnectionResetError(_LINK_ENDED)
        except errors.BadMessageError:  # it was sent again several times
            problem = NoAnswerError(_name(request))
        except Exception as error:
            if error.args == (_TOO_BIG,):
                raise
            problem = UnreadableError(f"the answer to {_name(request)} cannot be read ({reason(error)})")
        # Raised here, the error does not hold that of Telethon's, which may hold the bytes of a message.
        raise problem

    def _of(self, sender: Sender) -> Unanswered:
        """Return the open requests of a sender to another data centre."""
        if sender not in self._elsewhere:
            self._elsewhere[sender] = Unanswered(
                renew=lambda: sender.link_state.renew("a request was not answered in time"),
                is_up=lambda: True,
            )
        return self._elsewhere[sender]


def introduced(introduction: functions.InitConnectionRequest, request: TLRequest) -> TLRequest:
    """Return the request wrapped in what an MTProto session begins with: our layer and `initConnection`."""
    introduction = copy(introduction)
    introduction.query = request
    wrapped = functions.InvokeWithLayerRequest(alltlobjects.LAYER, introduction)
    wrapped.read_result = request.read_result
    return wrapped


def _name(request: TLRequest) -> str:
    return type(innermost(request)).__name__
