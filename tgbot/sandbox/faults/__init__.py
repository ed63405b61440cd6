"""Deliberate faults of the sandbox, one module for each subject; docs/sandbox.md lists them."""

from .calls import Plan, Timestamp
from .damage import Damage
from .differences import DifferenceFaults
from .links import DeadKey, LinkFaults, Shape
from .nonsense import Nonsense
from .pushes import PushFaults

__all__ = ["Damage", "DeadKey", "Faults", "Nonsense", "Plan", "Shape", "Timestamp"]


class Faults(LinkFaults, DifferenceFaults, PushFaults):
    """The faults of one server. Each lasts until it is used up, switched off, or `clear` is called.

    `account` is an account id; None means all accounts. Methods have the schema's names
    ("messages.sendMessage"). Only `restart` waits.
    """

    def forget_random_ids(self, account: int | None = None) -> None:
        """Forget the used random_ids of one account, or of all: a repeated send is sent again."""
        self._server.world.forget_random_ids(account)

    def expire_references(self) -> None:
        """Have all file references expire; messages that are fetched again have new ones."""
        self._server.world.files.expire_references()

    def clear(self) -> None:
        """Switch off all faults and send the updates that were withheld.

        random_ids stay forgotten, and data centres stay as they are.
        """
        super().clear()
        self._server.nudge()
