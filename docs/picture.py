"""Draw docs/demo.svg, the picture of the demo in the README: `python docs/picture.py`.

It runs `tgbot demo --once`, keeps the beginning of a few scenes, and draws them as a terminal window. The SVG
has no scripts and needs no other files, so that it looks the same wherever it is shown.
"""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata
from html import escape
from pathlib import Path
from typing import Final, NamedTuple

from tgbot.demo.stage import COLOURS

PICTURE: Final = Path(__file__).with_name("demo.svg")
#: The beginning of a scene's title → the number of lines to show below it.
SCENES: Final = {"Anna opens t.me/": 3, "Boris writes before": 3, "Boris blocks": 6, "Anna and Boris ask": 19}

_COLUMNS: Final = 98
_MESSAGE: Final = re.compile(r"  (\w+) → \w+")
_HEX: Final = {
    "cyan": "#56d4dd",
    "magenta": "#e29aff",
    "yellow": "#e3b341",
    "bright_blue": "#79c0ff",
    "green": "#56d364",
}
#: Width and height of a character cell, margin, and height of the title bar, in pixels.
_WIDE, _HIGH, _MARGIN, _BAR = 9, 20, 16, 36
_HEAD: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="tgbot demo">
<style>
text {{ font: 15px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #e6edf3 }}
.title {{ font-weight: bold }}
.note {{ fill: #9198a1 }}
{colours}
</style>
<rect width="{width}" height="{height}" rx="8" fill="#161b22"/>
<circle cx="20" cy="18" r="6" fill="#ff5f57"/>
<circle cx="40" cy="18" r="6" fill="#febc2e"/>
<circle cx="60" cy="18" r="6" fill="#28c840"/>
"""


class Run(NamedTuple):
    """Text in one style, at a column of a line."""

    column: int
    text: str
    style: str = ""


def excerpt(output: str) -> list[str]:
    """Return the lines of the demo's output that the picture shows."""
    shown = ["$ tgbot demo --once"]
    left = 0
    for line in output.splitlines():
        limit = next((count for title, count in SCENES.items() if line.startswith(title)), None)
        if limit is not None:
            shown += ["", line]
            left = limit
        # Blank lines inside a message would take space and show nothing.
        elif line and left:
            shown.append(line)
            left -= 1
    return [
        line if len(line) <= _COLUMNS else line[: _COLUMNS - 1].rpartition(" ")[0] + " …" for line in shown
    ]


def runs(line: str) -> list[Run]:
    """Split a line of the demo's output into runs, in the colours that it has on a terminal."""
    words = line.lstrip()
    column = len(line) - len(words)
    message = _MESSAGE.match(line)
    if message is not None:
        head = Run(column, message[0].strip(), message[1].lower())
        words = line[message.end() :].lstrip()
        return [head, Run(len(line) - len(words), words)]
    if column:
        return [Run(column, words)]
    title = line.startswith(("$", *SCENES))
    return [Run(0, line, "title" if title else "note")]


def draw(output: str) -> str:
    """Return the SVG text of the picture for the demo's output."""
    lines = excerpt(output)
    colours = "\n".join(f".{name.lower()} {{ fill: {_HEX[colour]} }}" for name, colour in COLOURS.items())
    width = _COLUMNS * _WIDE + 2 * _MARGIN
    height = _BAR + len(lines) * _HIGH + _MARGIN
    parts = [_HEAD.format(width=width, height=height, colours=colours)]
    for row, line in enumerate(lines):
        for run in runs(line) if line else ():
            x, y = _MARGIN + run.column * _WIDE, _BAR + row * _HIGH + 15
            style = f' class="{run.style}"' if run.style else ""
            # The text takes the same width with any font, so that the columns stay aligned.
            length = _cells(run.text) * _WIDE
            parts.append(
                f'<text x="{x}" y="{y}" textLength="{length}"{style}>{escape(run.text, quote=False)}</text>\n'
            )
    return "".join(parts) + "</svg>\n"


def _cells(text: str) -> int:
    """Return the number of character cells that a text takes on a terminal."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def main() -> None:
    """Run the demo and write the picture."""
    played = subprocess.run(
        [sys.executable, "-m", "tgbot.cli", "demo", "--once"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    PICTURE.write_text(draw(played.stdout))


if __name__ == "__main__":
    main()
