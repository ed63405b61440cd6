"""Faults of calls: RPC errors, answers that are late, lost, unreadable or huge, and refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import Final

from telethon.tl import TLRequest, types

from .. import layers
from ..dialogs import CHANNEL_BASE
from ..rpc import RpcError
from .active import Active
from .damage import Damage, damaged
from .rules import Faulty, Rule, Server

#: The most megabytes to which an answer is blown up.
MAX_MEGABYTES: Final = 100

#: From (true answer, layer of the client) to the answer that is sent.
Rewrite = Callable[[object, int], object]


@dataclass(slots=True)
class Plan:
    """The fault of one call."""

    #: The answer to give instead of the true one.
    error: RpcError | None = None
    #: Whether the call is carried out, although it may be answered with `error`.
    carried_out: bool = True
    #: Seconds by which the answer is delayed.
    delay: float = 0.0
    #: Whether the connection is closed after the call, before the answer.
    cut: bool = False
    #: Whether the call is never answered.
    silent: bool = False
    #: The code of a bad_msg_notification that refuses the call; 48 is bad_server_salt, 0 is none.
    refused: int = 0
    #: Changes the true answer; an RPC error stays as it is.
    rewrite: Rewrite | None = None


@dataclass(slots=True)
class _CallRule(Rule):
    #: The lower-case name of the method; None: all methods.
    method: str | None = None
    plan: Plan | None = None
    #: The user id, or the marked id of the chat, that the call must be about; None: any call.
    peer: int | None = None

    def meets(self, method: str, account: int | None, request: TLRequest | None, now: float) -> bool:
        return (
            (self.method is None or self.method == method)
            and (self.peer is None or self.peer == peer_asked(request))
            and self.concerns(account, now)
        )


class Timestamp(Enum):
    """The error PERSISTENT_TIMESTAMP_… of a difference."""

    #: Code 500: the server itself is behind.
    OUTDATED = "outdated"
    #: Code 400: the pts is not one of the log.
    INVALID = "invalid"
    #: Code 400: there is no pts.
    EMPTY = "empty"


class CallFaults(Faulty):
    """Faults of the calls of a method.

    A fault lasts for `times` calls, or for `seconds` by the server's clock (`math.inf`: until `lift`), or
    for whichever ends first; for one call if neither is given.
    """

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._calls: list[_CallRule] = []
        self._delays: dict[tuple[str | None, int | None], float] = {}

    def clear(self) -> None:
        super().clear()
        self._calls.clear()
        self._delays.clear()

    def active(self) -> Iterator[Active]:
        yield from super().active()
        now = self._server.world.now()
        for rule in self._calls:
            if rule.left > 0 and now < rule.until and rule.plan is not None:
                text = f"{rule.method or 'any call'} {_fate(rule.plan)}"
                peer = rule.account if rule.peer is None else rule.peer
                yield Active(
                    f"call {id(rule)}", text, partial(self._end_call, rule), peer, rule.left, rule.until
                )
        for (method, account), seconds in self._delays.items():
            end = partial(self.delay, 0, method, account=account)
            text = f"answers to {method or 'any call'} come {seconds:g} s late"
            yield Active(f"delay {method} {account}", text, end, account)

    def fail(
        self,
        method: str,
        code: int,
        name: str,
        *,
        times: int | None = None,
        seconds: float | None = None,
        account: int | None = None,
        peer: int | None = None,
        after: bool = False,
    ) -> None:
        """Answer the next calls of a method with an RPC error; with `after`, also carry them out."""
        plan = Plan(error=RpcError(code, name), carried_out=after)
        self._add(method, plan, times, seconds, account, peer)

    def timestamp(
        self,
        kind: Timestamp,
        peer: int | None = None,
        *,
        times: int | None = None,
        seconds: float | None = None,
    ) -> None:
        """Answer differences with PERSISTENT_TIMESTAMP_…: an account's, a channel's (marked id), or all."""
        code = 500 if kind is Timestamp.OUTDATED else 400
        name = f"PERSISTENT_TIMESTAMP_{kind.name}"
        if peer is None or peer > 0:
            self.fail("updates.getDifference", code, name, times=times, seconds=seconds, account=peer)
        if peer is None or peer < 0:
            method = "updates.getChannelDifference"
            self.fail(method, code, name, times=times, seconds=seconds, peer=peer)

    def lose_answer(
        self,
        method: str,
        *,
        times: int | None = None,
        seconds: float | None = None,
        account: int | None = None,
        peer: int | None = None,
    ) -> None:
        """Carry out the next calls of a method and close the connection instead of answering."""
        self._add(method, Plan(cut=True), times, seconds, account, peer)

    def silence(
        self,
        method: str,
        *,
        times: int | None = None,
        seconds: float | None = None,
        account: int | None = None,
        peer: int | None = None,
        after: bool = False,
    ) -> None:
        """Never answer the next calls of a method; with `after`, carry them out. The link stays alive."""
        self._add(method, Plan(silent=True, carried_out=after), times, seconds, account, peer)

    def delay(self, seconds: float, method: str | None = None, *, account: int | None = None) -> None:
        """Delay the answers of one method, or of all, by this long; 0 ends it.

        Calls are carried out at once. Updates that follow a call wait for its answer and stay in order.
        """
        key = method and method.lower(), account
        if seconds > 0:
            self._delays[key] = seconds
        else:
            self._delays.pop(key, None)

    def garble_answers(
        self,
        method: str,
        damage: Damage = Damage.UNKNOWN,
        *,
        times: int | None = None,
        seconds: float | None = None,
        account: int | None = None,
        peer: int | None = None,
    ) -> None:
        """Make the answers to a method unreadable; the calls are carried out."""

        def rewrite(answer: object, layer: int) -> object:
            return damaged(layers.encode(answer, layer), damage)

        self._add(method, Plan(rewrite=rewrite), times, seconds, account, peer)

    def answer(
        self,
        method: str,
        value: object,
        *,
        times: int | None = None,
        account: int | None = None,
        peer: int | None = None,
    ) -> None:
        """Answer the next calls of a method with a TL object or any bytes; the calls are carried out."""
        self._add(method, Plan(rewrite=lambda answer, layer: value), times, None, account, peer)

    def bomb(
        self,
        method: str,
        megabytes: int = 10,
        *,
        times: int | None = None,
        account: int | None = None,
        peer: int | None = None,
    ) -> None:
        """Pack zeros behind the answers to a method: small on the wire, at most 100 `megabytes` unpacked."""
        if not 0 < megabytes <= MAX_MEGABYTES:
            raise ValueError(f"megabytes must be between 1 and {MAX_MEGABYTES}, not {megabytes}")

        def rewrite(answer: object, layer: int) -> object:
            return layers.encode(answer, layer) + bytes(megabytes << 20)

        self._add(method, Plan(rewrite=rewrite), times, None, account, peer)

    def bad_msg(
        self,
        code: int,
        method: str | None = None,
        *,
        times: int | None = None,
        account: int | None = None,
        peer: int | None = None,
    ) -> None:
        """Refuse the next calls, of one method or any, with a bad_msg_notification; do not carry them out."""
        if code <= 0:
            raise ValueError(f"the code of a bad_msg_notification must be above 0, not {code}")
        self._add(method, Plan(refused=code, carried_out=False), times, None, account, peer)

    def bad_salt(
        self,
        method: str | None = None,
        *,
        times: int | None = None,
        account: int | None = None,
        peer: int | None = None,
    ) -> None:
        """Refuse the next calls, of one method or any, with a bad_server_salt that tells the valid salt."""
        self._add(method, Plan(refused=48, carried_out=False), times, None, account, peer)

    def lift(self, method: str | None = None, *, account: int | None = None) -> None:
        """End the faults that were asked for the calls of a method, or of all, and an account, or all.

        A call that was never answered stays without an answer.
        """
        wanted = method and method.lower()

        def stays(of: str | None, whom: int | None) -> bool:
            return (wanted is not None and wanted != of) or (account is not None and account != whom)

        self._calls = [rule for rule in self._calls if stays(rule.method, rule.account)]
        self._delays = {key: value for key, value in self._delays.items() if stays(*key)}

    def _add(
        self,
        method: str | None,
        plan: Plan,
        times: int | None,
        seconds: float | None,
        account: int | None,
        peer: int | None = None,
    ) -> None:
        left, until = self._lasting(times, seconds)
        self._calls.append(_CallRule(account, left, until, method and method.lower(), plan, peer))

    def _end_call(self, rule: _CallRule) -> None:
        self._calls = [each for each in self._calls if each is not rule]

    # For the server.

    def plan(self, method: str, account: int | None, request: TLRequest | None = None) -> Plan | None:
        """Return the fault of this call, None without one; count the call."""
        if not self._calls and not self._delays:
            return None
        method = method.lower()
        plan: Plan | None = None
        now = self._server.world.now()
        for rule in self._calls:
            if rule.meets(method, account, request, now):
                rule.left -= 1
                plan = rule.plan
                break
        self._calls = [rule for rule in self._calls if rule.left > 0 and now < rule.until]
        keys = ((method, account), (method, None), (None, account), (None, None))
        delay = next((self._delays[key] for key in keys if key in self._delays), 0.0)
        return replace(plan or Plan(), delay=delay) if delay else plan


def _fate(plan: Plan) -> str:
    """Return in words what becomes of a call."""
    if plan.error is not None:
        return f"answers {plan.error.name}{' though carried out' if plan.carried_out else ''}"
    if plan.cut:
        return "is carried out, and the link is cut before the answer"
    if plan.silent:
        return f"is never answered{', though carried out' if plan.carried_out else ''}"
    if plan.refused:
        return "is refused with " + ("bad_server_salt" if plan.refused == 48 else f"code {plan.refused}")
    return "has an answer that is not the true one"


def peer_asked(request: TLRequest | None) -> int | None:
    """Return the user id, or the marked id of the chat, that a request is about."""
    asked = getattr(request, "channel", None) or getattr(request, "peer", None)
    match asked:
        case types.InputChannel() | types.InputPeerChannel():
            return -CHANNEL_BASE - int(asked.channel_id)
        case types.InputPeerUser():
            return int(asked.user_id)
        case types.InputPeerChat():
            return -int(asked.chat_id)
    return None
