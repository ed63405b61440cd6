"""How far a broadcast is, asked every second and shown on one line."""

from __future__ import annotations

import shutil
import sys
import time
from datetime import tzinfo
from typing import Any, Final

from tgbot.cli import printed
from tgbot.cli.bot import Bot
from tgbot.cli.broadcast import shown
from tgbot.core.errors import NoBotRunsError

#: How often the bot is asked, in seconds.
WATCH_SECONDS: Final = 1.0
#: States in which more comes by itself.
_GOES_ON: Final = frozenset({"running", "scheduled"})
#: Begins a line of a terminal anew.
_ANEW: Final = "\r\x1b[K"


def watch(bot: Bot, number: int, zone: tzinfo | None, *, json: bool) -> None:
    """Show how far a broadcast is until it stops by itself or by hand, or until Ctrl-C; then print its page.

    On a terminal it is one line that changes, else one for each change. Raise NoBotRunsError if it would go
    on, and no bot runs.
    """
    on_terminal = sys.stdout.isatty() and not json
    last = ""
    try:
        while True:
            status = bot.ask("broadcast.status", id=number)
            last = _show(status, last, on_terminal=on_terminal, json=json)
            if status["state"] not in _GOES_ON:
                break
            if not bot.running:
                raise NoBotRunsError(bot.directory)
            time.sleep(WATCH_SECONDS)
    except KeyboardInterrupt:
        if on_terminal:
            printed.line("")
        printed.complain(f"the broadcast goes on; to stop it: tgbot broadcast pause {number}")
        return
    if on_terminal:
        sys.stdout.write(_ANEW)
    if not json:
        shown.page(status, zone, running=bot.running)


def _show(status: dict[str, Any], last: str, *, on_terminal: bool, json: bool) -> str:
    text = shown.progress(status)
    if json:
        printed.as_json(status)
    elif on_terminal:
        with printed.output_errors():
            sys.stdout.write(_ANEW + text[: shutil.get_terminal_size().columns - 1])
    elif text != last:
        printed.line(text)
    with printed.output_errors():
        sys.stdout.flush()
    return text
