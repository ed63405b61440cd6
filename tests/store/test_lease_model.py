"""A model of nodes, clocks, network and database: never two writers, never two that believe to lead."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.store.leasing import FIRST, admits, released, renewed, taken
from tgbot.store.lease import HEIR_SECONDS, LEASE_SECONDS, LOOK_SECONDS, Holder, Tenure

#: Two machines may have been given one name.
NAMES = ("a", "b", "a")
#: Seconds of a node's clock in one of the database's: they differ by less than a tenth.
RATES = (0.91, 1.0, 1.09)
#: How long a take waits for the row before it ends the transaction that has it, in seconds.
LOCK_SECONDS = 1.0

nodes = st.integers(0, len(NAMES) - 1)
pick = st.integers(0, 1_000)
#: What a node that leads does; one that does not takes the lease.
actions = st.sampled_from(("renew", "write", "write", "release"))
heirs = st.sampled_from(("", "a", "b", "c"))


@dataclass
class Node:
    """One process, and what it believes. Its clock goes on while it is stopped, and may jump ahead."""

    name: str
    rate: float
    seconds: float
    #: Of this process, the present one last: what it asked in an earlier one may still be answered.
    tenures: list[Tenure] = field(default_factory=list)
    ahead: float = 0.0
    stopped: bool = False

    def __post_init__(self) -> None:
        self.begin_anew()

    @property
    def tenure(self) -> Tenure:
        return self.tenures[-1]

    def clock(self, now: float) -> float:
        return now * self.rate + self.ahead

    def begin_anew(self) -> None:
        """Stand by again: a lease leads once."""
        self.tenures.append(Tenure(self.seconds))


@dataclass(eq=False)
class Request:
    """A question on its way to the database, and then its answer on the way back."""

    what: str
    node: Node
    tenure: Tenure
    epoch: int
    asked: float
    heir: str = ""
    #: What the database answered, None before.
    answer: int | None = None


class Leases(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.row = FIRST
        self.nodes: list[Node] = []
        self.flying: list[Request] = []
        #: The transaction that passed the fence and is not committed: it has the row locked.
        self.locked: Request | None = None
        #: The epoch of the last take, and how many writes were committed.
        self.leading = self.writes = 0
        #: Who alone may lead next, and before when.
        self.reserved, self.reserved_until = "", float("-inf")

    @initialize(rates=st.tuples(*[st.sampled_from(RATES)] * len(NAMES)), longer=st.booleans())
    def begin(self, rates: tuple[float, ...], longer: bool) -> None:
        seconds = [LEASE_SECONDS, LEASE_SECONDS * (2 if longer else 1), LEASE_SECONDS]
        self.nodes = [Node(*each) for each in zip(NAMES, rates, seconds, strict=True)]
        self.a_node_takes_the_lease(0)

    # ---- time and faults -------------------------------------------------------------------------

    @rule(seconds=st.sampled_from((0.1, 0.5, 1.0, 3.1, 60.0)))
    def time_passes(self, seconds: float) -> None:
        self.row = replace(self.row, now=self.row.now + seconds)

    @rule(after=st.sampled_from((-0.4, 0.001, 0.001, HEIR_SECONDS + 0.001)))
    def time_passes_until_the_lease_ends(self, after: float) -> None:
        self.row = replace(self.row, now=max(self.row.now, self.row.until + after))

    @rule(number=nodes, fault=st.sampled_from(("stopped", "killed", "clock ahead")))
    def something_happens_to_a_node(self, number: int, fault: str) -> None:
        node = self.nodes[number]
        match fault:
            case "stopped":  # or goes on
                node.stopped = not node.stopped
            case "killed":  # and started again
                node.tenures, node.stopped = [Tenure(node.seconds)], False
            case _:
                node.ahead += 5.0

    @precondition(lambda self: self.flying or self.locked)
    @rule(restarts=st.booleans())
    def the_database_ends_a_transaction_or_restarts(self, restarts: bool) -> None:
        self.locked = None
        if restarts:  # what was sent is lost with the connections
            self.flying.clear()

    # ---- the network -----------------------------------------------------------------------------

    @rule(number=nodes, what=actions, heir=heirs)
    def a_question_is_sent(self, number: int, what: str, heir: str) -> None:
        self._ask(self.nodes[number], what, heir)

    @precondition(lambda self: self.flying)
    @rule(which=pick)
    def a_question_arrives_or_its_answer_does(self, which: int) -> None:
        self._move(self.flying[which % len(self.flying)])

    @precondition(lambda self: self.flying)
    @rule(which=pick)
    def a_question_or_its_answer_is_lost(self, which: int) -> None:
        self.flying.pop(which % len(self.flying))  # a transaction that has the row stands still

    @rule(number=nodes)
    def a_node_takes_the_lease(self, number: int) -> None:
        self._do(self.nodes[number], "renew", "")

    @rule(number=nodes)
    def a_lease_ends_and_a_node_takes_it(self, number: int) -> None:
        self.time_passes_until_the_lease_ends(0.001)
        self.a_node_takes_the_lease(number)

    @precondition(lambda self: any(node.tenure.epoch for node in self.nodes))
    @rule(which=pick, what=actions, heir=heirs, late=st.sampled_from((0.0, 1.0)), stands=st.booleans())
    def a_node_that_took_the_lease_uses_it(
        self, which: int, what: str, heir: str, late: float, stands: bool
    ) -> None:
        leaders = [node for node in self.nodes if node.tenure.epoch]
        self._do(leaders[which % len(leaders)], what, heir, late, stands)

    @precondition(lambda self: any(node.tenure.epoch for node in self.nodes))
    @rule(which=pick, heir=heirs)
    def a_node_releases_the_lease_while_a_renewal_is_answered(self, which: int, heir: str) -> None:
        leaders = [node for node in self.nodes if node.tenure.epoch]
        node = leaders[which % len(leaders)]
        if (request := self._ask(node, "renew", "")) is not None:
            self._move(request)
            self._do(node, "release", heir)
            self._move(request)

    def _do(self, node: Node, what: str, heir: str, late: float = 0.0, stands: bool = False) -> None:
        """Ask, and take the answer after some time; a transaction may stand still before its commit."""
        if (request := self._ask(node, what, heir)) is not None:
            self._move(request)
            if request is self.locked:
                if stands:
                    return
                self._move(request)
            self.time_passes(late)
            self._move(request)

    def _ask(self, node: Node, what: str, heir: str) -> Request | None:
        tenure = node.tenure
        if node.stopped:
            return None
        request = Request(
            what if tenure.epoch else "take", node, tenure, tenure.epoch, node.clock(self.row.now), heir
        )
        if request.what == "release":
            self._given_up(node)
        self.flying.append(request)
        return request

    def _move(self, request: Request) -> None:
        if request not in self.flying:
            return
        if request.answer is not None:
            if not request.node.stopped:
                self.flying.remove(request)
                self._answered(request)
        elif request is self.locked:
            self.locked = None
            assert request.epoch == self.leading, "a node wrote after another took the lease"
            self.writes += 1
            request.answer = 1
        elif self.locked is None:
            self._carry_out(request)
        elif request.what == "take":  # it waits for the row, ends the transaction that has it, and asks again
            self.locked, request.answer = None, 0
            self.time_passes(LOCK_SECONDS)

    def _answered(self, request: Request) -> None:
        node, tenure = request.node, request.tenure
        if tenure not in node.tenures:
            return  # of an earlier process
        if request.what == "take" and request.answer:
            tenure.taken(request.answer, request.asked)
        elif request.what == "renew" and request.answer:
            tenure.renewed(request.epoch, request.asked)
        elif not request.answer and tenure is node.tenure and tenure.epoch == request.epoch != 0:
            self._given_up(node)

    def _given_up(self, node: Node) -> None:
        node.tenure.given_up()
        assert not node.tenure.holds(node.clock(self.row.now))
        node.begin_anew()

    # ---- the database ----------------------------------------------------------------------------

    def _carry_out(self, request: Request) -> None:
        node, after = request.node, None
        match request.what:
            case "take":
                if (after := taken(self.row, node.name, node.seconds)) is not None:
                    assert self.row.now > self.reserved_until or node.name == self.reserved
                    self._taken(after.epoch)
            case "renew":
                after = renewed(self.row, node.name, request.epoch, node.seconds)
            case "release":
                after = released(self.row, node.name, request.epoch, request.heir)
                if after is not None and request.heir:
                    self.reserved, self.reserved_until = request.heir, self.row.now + HEIR_SECONDS
            case "write":
                if admits(self.row, request.epoch):
                    self.locked = request
                    return
        request.answer = after.epoch if after is not None else 0
        self.row = after or self.row

    def _taken(self, epoch: int) -> None:
        assert epoch > self.leading
        self.leading, self.reserved_until = epoch, float("-inf")

    # ---- what always holds -----------------------------------------------------------------------

    @invariant()
    def no_two_nodes_believe_to_lead(self) -> None:
        assert len(self._believing()) <= 1

    @invariant()
    def who_believes_to_lead_is_who_leads(self) -> None:
        for name, tenure in self._believing():
            assert self.row.leads
            assert (self.row.node, self.row.epoch) == (name, tenure.epoch)

    def _believing(self) -> list[tuple[str, Tenure]]:
        now = self.row.now
        return [
            (each.name, tenure)
            for each in self.nodes
            for tenure in each.tenures
            if tenure.holds(each.clock(now))
        ]

    def teardown(self) -> None:
        """A node that is alone and connected leads in the end."""
        if not self.nodes:
            return
        row, node, began = self.row, self.nodes[self.writes % len(self.nodes)], self.row.now
        if self.locked is not None:  # the first take waits for the row, and ends who has it
            row = replace(row, now=row.now + LOCK_SECONDS)
        longest = LOCK_SECONDS + max(HEIR_SECONDS, *(each.seconds for each in self.nodes)) + LOOK_SECONDS
        for _ in range(20):
            if (after := taken(row, node.name, node.seconds)) is not None:
                assert after.now - began <= longest
                return
            pause = row.pause(node.name)
            assert 0 <= pause <= LOOK_SECONDS
            row = replace(row, now=row.now + pause + 0.001)
        raise AssertionError("a node that is alone does not lead")


TestLeases = Leases.TestCase
TestLeases.settings = settings(max_examples=250, stateful_step_count=30)


def test_a_holder_leads_until_its_time_and_an_heir_has_a_while_for_itself() -> None:
    held = Holder(node="a", epoch=3, since=0.0, until=10.0, heir="", now=10.0)
    assert (held.leads, held.left, held.open_to("b")) == (True, 0.0, False)
    assert replace(held, now=10.1).open_to("a")
    free = released(held, "a", 3, "b")
    assert free is not None
    assert (free.leads, free.left, free.open_to("b"), free.open_to("c")) == (False, 0.0, True, False)
    assert replace(free, now=13.1).open_to("c")
