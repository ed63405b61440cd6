"""The errors of a bot on several nodes read as sentences, with the exit status of their kind."""

from __future__ import annotations

import pytest

from tgbot.core.errors import TgbotError
from tgbot.core.nodeerrors import (
    HandedOverError,
    HandoverFailedError,
    NoDatabaseError,
    NodeNameTakenError,
    NodeNotReadyError,
    NodeUnknownError,
    NoStandbyError,
    StandbyError,
)

EXAMPLES: list[tuple[TgbotError, str, int]] = [
    (HandedOverError("right"), "This node has handed the bot over to right. Start it again", 1),
    (
        StandbyError("left"),
        "The node left leads the bot, and this node stands by: give the command there.",
        3,
    ),
    (StandbyError(""), "No node leads the bot now, and this node stands by", 3),
    (NoDatabaseError(), "so it has no nodes. For a second machine set [storage] url: see docs/nodes.md", 2),
    (NoStandbyError(), "No other node stands by that could lead the bot: start one", 3),
    (NodeNotReadyError("right", "stopped"), "The node right cannot lead the bot now (stopped)", 3),
    (NodeUnknownError("x", "left, right"), "There is no node x, only left, right. See", 3),
    (NodeNameTakenError("left", "postgresql://h/bot"), "give each node a name of its own", 1),
    (HandoverFailedError("right", "60", "starts"), "right does not lead the bot 60 s after it was", 1),
]


@pytest.mark.parametrize(("error", "said", "status"), EXAMPLES)
def test_each_error_says_what_is_so_and_what_to_do(error: TgbotError, said: str, status: int) -> None:
    assert said in str(error)
    assert "\n" not in str(error)
    assert error.exit_status == status
