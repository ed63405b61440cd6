"""Deliberate faults of the sandbox: connections, answers, updates, differences, the clock."""

import time
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from .rpc import RpcError
from .world import World


class Server(Protocol):
    """The part of the server that faults use."""

    @property
    def world(self) -> World: ...

    def drop(self, account: int | None = None) -> int:
        """Close the connections of one account, or all; return the number."""

    def nudge(self, account: int | None = None) -> None:
        """Check again whether there are updates to send, for one account or for all."""

    async def restart(self, down: float = 0.0) -> None:
        """Stop, wait `down` seconds and start; world, auth keys and logins are kept."""


class Receiver(Protocol):
    """A session to which updates are about to be sent."""

    account: int | None
    #: Updates that are held back, to be sent in reverse order.
    stash: list[bytes]


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


@dataclass(slots=True)
class _Rule:
    account: int | None
    left: int

    def concerns(self, account: int | None) -> bool:
        return self.left > 0 and (self.account is None or self.account == account)


@dataclass(slots=True)
class _CallRule(_Rule):
    method: str
    plan: Plan


class _Kind(Enum):
    """The fault of an update, which would otherwise be sent once and in order."""

    #: The update is never sent.
    LOSE = "lose"
    #: The update is sent twice.
    REPEAT = "repeat"
    #: The updates of the rule are collected, then sent in reverse order.
    REORDER = "reorder"


@dataclass(slots=True)
class _UpdateRule(_Rule):
    kind: _Kind


class Faults:
    """The faults of one server. Each lasts until it is used up, switched off, or `clear` is called.

    `account` is an account id; None means all accounts. Methods have the schema's names
    ("messages.sendMessage"). Only `restart` waits.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._refused_until = 0.0
        self._calls: list[_CallRule] = []
        self._delays: dict[tuple[str | None, int | None], float] = {}
        self._updates: list[_UpdateRule] = []
        self._withheld: set[int | None] = set()

    # Connections.

    def drop(self, account: int | None = None) -> int:
        """Close the connections of one account, or all; return the number."""
        return self._server.drop(account)

    def refuse(self, seconds: float) -> None:
        """Refuse new connections for this long; open connections stay."""
        self._refused_until = time.monotonic() + seconds

    def accept(self) -> None:
        """End `refuse`."""
        self._refused_until = 0.0

    async def restart(self, down: float = 0.0) -> None:
        """Stop the server and start it `down` seconds later; world, auth keys, logins and faults are kept."""
        await self._server.restart(down)

    # Calls.

    def fail(
        self,
        method: str,
        code: int,
        name: str,
        *,
        times: int = 1,
        account: int | None = None,
        after: bool = False,
    ) -> None:
        """Answer the next calls of a method with an RPC error; with `after`, also carry them out."""
        plan = Plan(error=RpcError(code, name), carried_out=after)
        self._calls.append(_CallRule(account, times, method.lower(), plan))

    def lose_answer(self, method: str, *, times: int = 1, account: int | None = None) -> None:
        """Carry out the next calls of a method and close the connection instead of answering."""
        self._calls.append(_CallRule(account, times, method.lower(), Plan(cut=True)))

    def delay(self, seconds: float, method: str | None = None, *, account: int | None = None) -> None:
        """Delay the answers of one method, or of all, by this long; 0 ends it.

        Calls are carried out at once. Updates that follow a call wait for its answer and stay in order.
        """
        key = method and method.lower(), account
        if seconds > 0:
            self._delays[key] = seconds
        else:
            self._delays.pop(key, None)

    # Updates.

    def withhold(self, account: int | None = None) -> None:
        """Send no updates until `release`; differences and answers are as usual."""
        self._withheld.add(account)

    def release(self, account: int | None = None) -> None:
        """Send the updates that were withheld, for one account or for all."""
        if account is None:
            self._withheld.clear()
        else:
            self._withheld.discard(account)
        self._server.nudge(account)

    def reorder(self, count: int, account: int | None = None) -> None:
        """Collect this many updates, then send them in reverse order."""
        self._updates.append(_UpdateRule(account, count, _Kind.REORDER))

    def repeat(self, count: int, account: int | None = None) -> None:
        """Send each of the next updates twice."""
        self._updates.append(_UpdateRule(account, count, _Kind.REPEAT))

    def lose(self, count: int, account: int | None = None) -> None:
        """Never send the next updates; a difference still has them."""
        self._updates.append(_UpdateRule(account, count, _Kind.LOSE))

    # The world.

    def forget_random_ids(self, account: int | None = None) -> None:
        """Forget the used random_ids of one account, or of all: a repeated send is sent again."""
        self._server.world.forget_random_ids(account)

    def tell_message_ids(self, tell: bool) -> None:
        """Set whether a difference holds an updateMessageID for each message that the account sent."""
        self._server.world.message_ids_in_difference = tell

    def slice_differences(self, limit: int | None) -> None:
        """Limit the updates in one difference; None ends it."""
        self._server.world.difference_limit = limit

    def differences_too_long(self, too_long: bool) -> None:
        """Set whether each getDifference is answered with differenceTooLong."""
        self._server.world.difference_too_long = too_long

    def set_clock(self, ahead: float) -> None:
        """Set the server's clock `ahead` seconds ahead of the true time; negative: behind, 0: correct.

        Dates, salts and msg_ids follow it at once, also on open connections.
        """
        self._server.world.clock_error = ahead

    def clear(self) -> None:
        """Switch off all faults and send the updates that were withheld; random_ids stay forgotten."""
        self._refused_until = 0.0
        self._calls.clear()
        self._delays.clear()
        self._updates.clear()
        self.tell_message_ids(True)
        self.slice_differences(None)
        self.differences_too_long(False)
        self.set_clock(0)
        self.release()

    # For the server.

    @property
    def refusing(self) -> bool:
        """Whether new connections are refused now."""
        return self._refused_until > 0 and time.monotonic() < self._refused_until

    def plan(self, method: str, account: int | None) -> Plan | None:
        """Return the fault of this call, None without one; count the call."""
        if not self._calls and not self._delays:
            return None
        method = method.lower()
        plan: Plan | None = None
        for rule in self._calls:
            if rule.method == method and rule.concerns(account):
                rule.left -= 1
                if not rule.left:
                    self._calls.remove(rule)
                plan = rule.plan
                break
        keys = ((method, account), (method, None), (None, account), (None, None))
        delay = next((self._delays[key] for key in keys if key in self._delays), 0.0)
        if delay:
            plan = plan or Plan()
            return Plan(plan.error, plan.carried_out, delay, plan.cut)
        return plan

    def withheld(self, account: int | None) -> bool:
        """Return whether the updates of this account are withheld now."""
        return bool(self._withheld) and (None in self._withheld or account in self._withheld)

    def arrange(self, receiver: Receiver, updates: list[bytes]) -> list[bytes]:
        """Return the updates to send to a session now, in place of `updates`."""
        if not self._updates and not receiver.stash:
            return updates
        arranged: list[bytes] = []
        for update in updates:
            rule = next((rule for rule in self._updates if rule.concerns(receiver.account)), None)
            if rule is None:
                arranged.append(update)
                continue
            rule.left -= 1
            if not rule.left:
                self._updates.remove(rule)
            if rule.kind is _Kind.REPEAT:
                arranged += (update, update)
            elif rule.kind is _Kind.REORDER:
                receiver.stash.append(update)
                if not rule.left:
                    arranged += reversed(receiver.stash)
                    receiver.stash.clear()
        if receiver.stash and not any(
            rule.kind is _Kind.REORDER and rule.concerns(receiver.account) for rule in self._updates
        ):
            arranged = [*reversed(receiver.stash), *arranged]
            receiver.stash.clear()
        return arranged
