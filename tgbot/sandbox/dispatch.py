"""From the bytes of a call to its answer: order, faults, methods and delayed answers."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable

from telethon.tl import TLRequest, functions
from telethon.tl.alltlobjects import LAYER

from . import catalogue, layers, methods
from .delivery import Delivery, Link
from .faults import DeadKey, Faults, Plan
from .outgoing import Request
from .rpc import Later, RpcError
from .sends import SendKey
from .signatures import method_name
from .trace import Trace
from .world import World

#: Seconds that invokeAfterMsg waits for a call that has not arrived.
_AFTER_SECONDS = 2.0
_AFTER = (functions.InvokeAfterMsgRequest, functions.InvokeAfterMsgsRequest)

_log = logging.getLogger(__name__)


class Dispatch:
    """Answer every call exactly once, unless a fault changes that; a failure is an RPC error of the call.

    `bind` carries out auth.bindTempAuthKey, which concerns auth keys and not the world.
    """

    def __init__(
        self,
        world: World,
        faults: Faults,
        delivery: Delivery,
        bind: Callable[[Link, functions.auth.BindTempAuthKeyRequest], bool],
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._world = world
        self._faults = faults
        self._delivery = delivery
        self._bind = bind
        self._timers: set[asyncio.TimerHandle] = set()
        self._waiting: dict[tuple[Link, int], list[Callable[[], None]]] = {}
        #: Records what faults do to calls, if somebody wants to see it.
        self.trace: Trace | None = None

    def reset(self) -> None:
        """Give up every call that waits."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._waiting.clear()
        self._world.sends.settle()

    def request(self, link: Link, request: Request) -> None:
        """Carry out a call and queue its answer in the session, now or later."""
        try:
            call = layers.decode(request.body, link.caller.login.layer)
        except layers.DecodeError as error:
            _log.warning("a call cannot be decoded: %s", error)
            self._answer(link, request, RpcError(400, error.name))
            return
        self._call(link, request, call)

    def _call(self, link: Link, request: Request, call: TLRequest) -> None:
        """Carry out a call, or let it wait for the calls that it names in invokeAfterMsg."""
        inner = call
        while isinstance(inner, methods.WRAPPERS):
            if isinstance(inner, _AFTER):
                after = [inner.msg_id] if isinstance(inner, _AFTER[0]) else inner.msg_ids
                for msg_id in after:
                    earlier = link.session.request(msg_id)
                    if earlier is None or not earlier.answered:
                        self._wait(link, request, call, msg_id)
                        return
                    if earlier.failed:
                        self._answer(link, request, RpcError(400, "MSG_WAIT_FAILED"))
                        return
            inner = inner.query
        ahead = methods.prepare(self._world, link.caller, inner)
        if ahead is None:
            self._run(link, request, call, inner)
        else:
            ahead.then(lambda _: self._run(link, request, call, inner))

    def _run(self, link: Link, request: Request, call: TLRequest, inner: TLRequest) -> None:
        """Carry out a call whose turn it is, with the fault that is planned for it."""
        name = method_name(type(inner))
        self.counts[name] += 1
        if self._faults.dead or self._faults.single:
            dead = self._dead_key(link, call)
            if dead is not None:
                self._answer(link, request, dead)
                return
        plan = self._faults.plan(name, link.caller.login.account, inner)
        if plan is None:
            self._answer(link, request, self._invoke(link, call, inner))
        else:
            self._misbehave(link, request, plan, call, inner)

    def _dead_key(self, link: Link, call: TLRequest) -> RpcError | None:
        """Return the error of a dead auth key; with a second main session, kill the key first."""
        faults = self._faults
        if faults.single and link.account is None and _is_main(call) and self._delivery.has_rival(link):
            faults.kill_keys(key=link.key[0], answer=DeadKey.DUPLICATED)
        return faults.dead_key(link.key[0])

    def _invoke(self, link: Link, call: TLRequest, inner: TLRequest) -> object:
        answer: object
        try:
            before = self._delivery.before_call(link)
            try:
                if isinstance(inner, functions.auth.BindTempAuthKeyRequest):
                    methods.introduce(self._world, link.caller, call)
                    answer = self._bind(link, inner)
                else:
                    answer = methods.invoke(self._world, link.caller, call)
            except RpcError as error:
                answer = error
            self._delivery.after_call(link, before)
        except Exception:
            # A defect in a method is a 500 for this call only, as at Telegram.
            _log.exception("%s failed", method_name(type(inner)))
            answer = RpcError(500, "INTERNAL")
        return answer

    def _misbehave(self, link: Link, request: Request, plan: Plan, call: TLRequest, inner: TLRequest) -> None:
        if self.trace is not None:
            self.trace.misbehaves(link, request.msg_id, plan)
        if plan.refused:
            link.session.refuse(request, plan.refused, self._world.now())
            self._delivery.flush_soon(link)
            return
        answer: object = plan.error
        sent: list[SendKey] = []
        if plan.carried_out:
            with self._world.sends.record() as sent:
                real = self._invoke(link, call, inner)
            answer = real if plan.error is None else plan.error
        else:
            methods.introduce(self._world, link.caller, call)
        if plan.silent:
            return
        if plan.rewrite is not None and not isinstance(answer, RpcError | Later):
            answer = plan.rewrite(answer, link.caller.login.layer)
        if plan.cut:
            if link.wire is not None:
                link.wire.cut("fault: before the answer")
            # The session keeps the answer, in case the client connects again.
            self._answer(link, request, answer)
        elif plan.delay:
            link.held += 1
            self._world.sends.hold(sent)
            self._later(plan.delay, lambda: self._release(link, request, answer, sent))
        else:
            self._answer(link, request, answer)

    def _release(self, link: Link, request: Request, answer: object, sent: list[SendKey]) -> None:
        link.held -= 1
        self._world.sends.settle(sent)
        self._answer(link, request, answer)
        if link.account is not None:
            self._delivery.changed(link.account)

    def _answer(self, link: Link, request: Request, answer: object) -> None:
        """Queue the answer to a call: a value, an RpcError, or a Later once it is answered."""
        if isinstance(answer, Later):
            self._later(max(0.0, answer.expires - self._world.now()), answer.expire)
            answer.then(lambda value: self._answer(link, request, value))
            return
        if isinstance(answer, RpcError):
            link.session.fail(request, answer.code, answer.name)
        else:
            try:
                link.session.answer(request, layers.encode(answer, link.caller.login.layer))
            except layers.EncodeError as error:
                refused, expected = _formless(request, link.caller.login.layer)
                if not expected:
                    _log.warning("an answer cannot be encoded: %s", error)
                link.session.fail(request, refused.code, refused.name)
        self._delivery.flush_soon(link)
        for go_on in self._waiting.pop((link, request.msg_id), ()):
            go_on()

    def _wait(self, link: Link, request: Request, call: TLRequest, msg_id: int) -> None:
        waiting = True

        def go_on() -> None:
            nonlocal waiting
            if waiting:
                waiting = False
                self._call(link, request, call)

        def give_up() -> None:
            nonlocal waiting
            if waiting:
                waiting = False
                self._answer(link, request, RpcError(400, "MSG_WAIT_TIMEOUT"))

        self._waiting.setdefault((link, msg_id), []).append(go_on)
        if link.session.request(msg_id) is None:
            self._later(_AFTER_SECONDS, give_up)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        def run() -> None:
            self._timers.discard(timer)
            call()

        timer = asyncio.get_running_loop().call_later(seconds, run)
        self._timers.add(timer)


def _formless(request: Request, layer: int) -> tuple[RpcError, bool]:
    """Return the error of a call whose answer a layer has no form for; and whether it lacks the method."""
    if not 0 < layer < LAYER:
        return RpcError(500, "INTERNAL"), False
    call = layers.decode(request.body, layer)
    while isinstance(call, methods.WRAPPERS):
        call = call.query
    entry = catalogue.entries().get(call.CONSTRUCTOR_ID)
    lacking = entry is not None and entry.name not in catalogue.names(layer, method=True)
    return RpcError(400, f"INPUT_METHOD_INVALID_{call.CONSTRUCTOR_ID}_0"), lacking


def _is_main(call: TLRequest) -> bool:
    """Return whether a call makes its session a main one: it is not in invokeWithoutUpdates."""
    while isinstance(call, methods.WRAPPERS):
        if isinstance(call, functions.InvokeWithoutUpdatesRequest):
            return False
        call = call.query
    return True
