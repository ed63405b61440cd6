"""`tgbot demo`: the bot and people who talk with it, on a server of its own."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tgbot.cli import printed
from tgbot.cli.invocation import finish
from tgbot.cli.paged import ANYWHERE, Page, place_of


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the story, without a prompt.")] = False,
    page: Page = None,
    no_page: Annotated[
        bool, typer.Option("--no-page", help="Serve no page to chat in; without this there is one.")
    ] = False,
) -> int:
    """Show the bot talking with people, on a Telegram server of its own: needs no token and no network.

    After the story you type messages, or chat on a page in the browser, whose address is printed first. Where
    there is no terminal, the story is all; with --page the bot goes on until SIGTERM.
    """
    from tgbot import demo

    if page is not None and (once or no_page):
        raise typer.BadParameter(
            f"it does not go with {'--once' if once else '--no-page'}", param_hint="--page"
        )
    prompt = not once and sys.stdin.isatty() and sys.stdout.isatty()
    place = place_of(ANYWHERE if page is None and prompt and not no_page else page)
    return finish(demo.play(prompt=prompt, program=printed.program(), page=place))
