"""Where the story is shown: who said what to whom, and what happens between."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

#: How long anything in the story may take, in seconds; each takes a fraction of one.
LIMIT = 20.0
COLOURS = {
    "Anna": "cyan",
    "Boris": "magenta",
    "Clara": "yellow",
    "Daria": "bright_blue",
    "bot": "green",
    "page": "green",
}


class StoryError(Exception):
    """Something that should have happened did not."""


class Stage:
    """Print lines as they come, with colours where there is a terminal."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)

    def says(self, speaker: str, listener: str, words: str) -> None:
        """A message, as the one who sends or receives it on the wire has it."""
        first, *more = words.splitlines() or [""]
        head = f"{speaker} → {listener}"
        self._show(Text(f"  {head:<13} ", COLOURS[speaker]) + Text(first))
        for line in more:
            self._show(Text(" " * 16 + line if line else ""))

    def scene(self, words: str) -> None:
        """How the next scene begins."""
        self._show(Text(f"\n{words}", "bold"))

    def tells(self, words: str) -> None:
        """What happens, in the words of nobody on the stage."""
        self._show(Text(words, "dim"))

    def _show(self, line: Text) -> None:
        try:
            self._console.print(line)
        except OSError as error:
            raise StoryError(f"nothing can be shown on standard output ({error.strerror})") from None
