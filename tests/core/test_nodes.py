"""To which node a bot can be handed over, and what a person reads of each."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tgbot.core.nodeerrors import NodeNotReadyError, NodeUnknownError, NoStandbyError
from tgbot.core.nodes import SILENT_SECONDS, State, heir_of, is_ready, state_of


@dataclass
class Node:
    name: str
    state: str = State.STANDBY
    seen: float = 0.5
    entered: bool = True


RIGHT, FAR = Node("right"), Node("far")
#: Nodes that cannot lead now, each with what a person reads of it.
UNREADY = [
    (Node("x", State.LEADS), "leads"),
    (Node("x", State.STARTS), "starts"),
    (Node("x", ""), "starts"),
    (Node("x", entered=False), "stopped"),
    (Node("x", seen=SILENT_SECONDS), "not seen for 4 s"),
]


def test_any_node_that_stands_by_leads_next_unless_one_is_named() -> None:
    assert heir_of("left", "", [UNREADY[0][0], RIGHT, FAR]) == "right"
    assert heir_of("left", "far", [RIGHT, FAR]) == "far"
    assert is_ready(RIGHT)
    assert state_of(RIGHT) == "standby"


@pytest.mark.parametrize(("node", "state"), UNREADY)
def test_a_node_that_does_not_stand_by_is_refused_with_what_it_does(node: Node, state: str) -> None:
    assert not is_ready(node)
    assert state_of(node) == state
    with pytest.raises(NoStandbyError):
        heir_of("left", "", [node])
    with pytest.raises(NodeNotReadyError, match=f"The node x cannot lead the bot now \\({state}\\)"):
        heir_of("left", "x", [RIGHT, node])


def test_the_leader_itself_and_an_unknown_node_are_refused_by_name() -> None:
    with pytest.raises(NodeNotReadyError, match="it leads already"):
        heir_of("left", "left", [RIGHT])
    with pytest.raises(NodeUnknownError, match=r"no node rigth, only far, left, right\."):
        heir_of("left", "rigth", [RIGHT, FAR])
