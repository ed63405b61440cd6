"""The output of the demo: messages, scene titles and notes."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

#: The most seconds that one step of the story may take; usually it is a fraction of a second.
LIMIT = 20.0
#: Of those who speak; others have none.
COLOURS = {
    "Anna": "cyan",
    "Boris": "magenta",
    "Clara": "yellow",
    "Daria": "bright_blue",
    "bot": "green",
    "page": "green",
}


class StoryError(Exception):
    """A step of the story did not happen as expected."""


class Stage:
    """Print lines at once, in colour on a terminal."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)

    def message(self, speaker: str, listener: str, words: str) -> None:
        """Print a message, as its sender or receiver has it."""
        first, *more = words.splitlines() or [""]
        head = f"{speaker} → {listener}"
        self._show(Text.assemble((f"  {head:<13} ", COLOURS.get(speaker, "")), first))
        for line in more:
            self._show(Text(" " * 16 + line if line else ""))

    def scene(self, words: str) -> None:
        """Print the title of the next scene."""
        self._show(Text(f"\n{words}", "bold"))

    def note(self, words: str) -> None:
        """Print what happens between the messages."""
        self._show(Text(words, "dim"))

    def _show(self, line: Text) -> None:
        try:
            self._console.print(line)
        except OSError as error:
            raise StoryError(f"cannot write to standard output ({error.strerror})") from None
