"""What the sandbox does wrong on purpose: connections, answers, updates, differences."""

import time
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from .rpc import RpcError
from .world import World


class Server(Protocol):
    """What faults need of the server."""

    @property
    def world(self) -> World: ...

    def drop(self, account: int | None = None) -> int:
        """Cuts the connections of an account, or all, and says how many those were."""

    def nudge(self, account: int | None = None) -> None:
        """Looks again at what there is to send to an account, or to all."""

    async def restart(self, down: float = 0.0) -> None:
        """Stops and starts; what lasts is kept."""


class Receiver(Protocol):
    """A session that updates are about to be sent to."""

    account: int | None
    #: Updates that wait for others to overtake them.
    stash: list[bytes]


@dataclass(slots=True)
class Plan:
    """What shall happen to one call."""

    #: Answered instead of the true answer.
    error: RpcError | None = None
    #: Whether the call is carried out; with `error` only its answer is false.
    carried_out: bool = True
    #: Seconds that the answer waits.
    delay: float = 0.0
    #: The connection is cut after the call, before the answer.
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
    """What happens to an update instead of being sent once, in order."""

    #: It is never sent.
    LOSE = "lose"
    #: It is sent twice.
    REPEAT = "repeat"
    #: It waits for the others of its rule, and they go out last first.
    REORDER = "reorder"


@dataclass(slots=True)
class _UpdateRule(_Rule):
    kind: _Kind


class Faults:
    """The faults of one server. Each lasts until it is used up, taken back, or `clear`ed.

    `account` is an account's id; None means everybody. Methods are named as the schema does
    ("messages.sendMessage"). Nothing here waits, and what a fault does not name goes on as usual.
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
        """Cuts the connections of one account, or all; returns how many."""
        return self._server.drop(account)

    def refuse(self, seconds: float) -> None:
        """Closes each new connection at once for this long; connections that stand are left alone."""
        self._refused_until = time.monotonic() + seconds

    def accept(self) -> None:
        """Takes `refuse` back."""
        self._refused_until = 0.0

    async def restart(self, down: float = 0.0) -> None:
        """Restarts the server, `down` seconds later; world, auth keys, logins and faults are kept."""
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
        """Answers the next calls of a method with an RPC error; `after` means that they are carried out."""
        plan = Plan(error=RpcError(code, name), carried_out=after)
        self._calls.append(_CallRule(account, times, method.lower(), plan))

    def lose_answer(self, method: str, *, times: int = 1, account: int | None = None) -> None:
        """Carries out the next calls of a method and cuts the connection instead of answering."""
        self._calls.append(_CallRule(account, times, method.lower(), Plan(cut=True)))

    def delay(self, seconds: float, method: str | None = None, *, account: int | None = None) -> None:
        """Lets answers, of one method or of all, wait this long; 0 ends it.

        Calls are carried out at once. Updates that came about after a call wait with its answer, so that they
        stay in order.
        """
        key = method and method.lower(), account
        if seconds > 0:
            self._delays[key] = seconds
        else:
            self._delays.pop(key, None)

    # Updates.

    def withhold(self, account: int | None = None) -> None:
        """Pushes no updates until `release`; differences and answers are as usual."""
        self._withheld.add(account)

    def release(self, account: int | None = None) -> None:
        """Pushes what was withheld; of everybody if no account is named."""
        if account is None:
            self._withheld.clear()
        else:
            self._withheld.discard(account)
        self._server.nudge(account)

    def reorder(self, count: int, account: int | None = None) -> None:
        """Holds the next updates back until there are this many, then pushes them last first."""
        self._updates.append(_UpdateRule(account, count, _Kind.REORDER))

    def repeat(self, count: int, account: int | None = None) -> None:
        """Pushes each of the next updates twice."""
        self._updates.append(_UpdateRule(account, count, _Kind.REPEAT))

    def lose(self, count: int, account: int | None = None) -> None:
        """Never pushes the next updates; a difference still has them."""
        self._updates.append(_UpdateRule(account, count, _Kind.LOSE))

    # The world.

    def forget_random_ids(self, account: int | None = None) -> None:
        """Lets the server forget which sends it has seen."""
        self._server.world.forget_random_ids(account)

    def tell_message_ids(self, tell: bool) -> None:
        """Whether differences hold updateMessageID for own messages."""
        self._server.world.message_ids_in_difference = tell

    def slice_differences(self, limit: int | None) -> None:
        """At most this many updates in one difference; None takes it back."""
        self._server.world.difference_limit = limit

    def differences_too_long(self, too_long: bool) -> None:
        """Answers each getDifference with differenceTooLong."""
        self._server.world.difference_too_long = too_long

    def set_clock(self, ahead: float) -> None:
        """Set the server's clock `ahead` seconds ahead of the true time; behind if negative, right if 0.

        Dates, salts and msg_ids follow it at once, also on connections that stand.
        """
        self._server.world.clock_error = ahead

    def clear(self) -> None:
        """Takes all of it back; what was withheld goes out. Forgotten random_ids stay forgotten."""
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
        """Whether a new connection is to be closed at once."""
        return self._refused_until > 0 and time.monotonic() < self._refused_until

    def plan(self, method: str, account: int | None) -> Plan | None:
        """What shall happen to this call; None for nothing unusual. Counts it."""
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
        """Whether this account is to get no updates now."""
        return bool(self._withheld) and (None in self._withheld or account in self._withheld)

    def arrange(self, receiver: Receiver, updates: list[bytes]) -> list[bytes]:
        """The updates to push to a session now instead of these."""
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
