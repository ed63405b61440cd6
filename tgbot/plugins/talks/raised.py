"""What is raised in the function of a talk."""

from __future__ import annotations


class TalkExpired(Exception):
    """Nobody answered the question in the time that `until` gives."""


class TalkCancelled(Exception):
    """The user ended the talk by a command; what is asked from now on raises this again."""

    def __init__(self, command: str) -> None:
        super().__init__(f"/{command}")
        #: The command without its slash: "cancel", or another one that ends the talk.
        self.command = command


class TalkTooLongError(ValueError):
    """The answers and results of the talk are longer than what is kept of one, or are not JSON."""


class Misfit(BaseException):
    """The talk as it is kept does not fit the function as it is now."""

    def __init__(self, step: int) -> None:
        super().__init__(f"step {step}")
        #: The number of the step that does not fit, from 0.
        self.step = step


class UnfitError(Exception):
    """This message does not answer the question."""
