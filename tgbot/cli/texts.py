"""`tgbot texts check`: whether the texts of [bot] texts can be used, before the bot speaks with them."""

from __future__ import annotations

import dataclasses

import typer

from tgbot.cli import printed
from tgbot.cli.invocation import NO, Json, examples, find_plugins, settings

commands = typer.Typer(help="What the bot says: its own texts, and those in the directory [bot] texts.")


@commands.command(epilog=examples("texts check", "--config other.toml texts check --json"))
def check(context: typer.Context, json: Json = False) -> int:
    """Check all texts, each rendered with sample values, and print each mistake with its file and line.

    The texts of the plugins in [bot] plugins are among them. A mistake is: an id that the bot does not know,
    a variable that the bot does not give to a text, a reference to a text that is nowhere, a text that stands
    twice in its file, or one that cannot be rendered. Where a name is nearly right, the right one is named.
    The bot leaves a text with a mistake out and uses the next one: its own in that language, the nearest
    language's or the English one.

    At the end each language is printed, with the number of its own texts; the others come from the nearest
    language or from English. With --json, each line is a mistake (file, line, id, what) or a language
    (language, texts, and plugin for those of a plugin). Exit status 2: a file cannot be read. Exit status 3:
    there is a mistake.
    """
    from tgbot.locales.library import Library

    bot = settings(context).bot
    find_plugins(context.obj.config)
    texts = Library(bot.texts, bot.plugins)
    for mistake in texts.mistakes:
        if json:
            printed.as_json(dataclasses.asdict(mistake))
        else:
            printed.line(printed.clean(str(mistake)))
    for language in texts.bot.languages:
        number = texts.bot.count(language)
        if json:
            printed.as_json({"language": language, "texts": number})
        else:
            printed.line(f"{language:<10} {number:>4} texts")
    for plugin, own in ((name, one.own) for name, one in texts.plugins.items() if one.own is not None):
        for language in own.languages:
            number = own.count(language)
            if json:
                printed.as_json({"language": language, "texts": number, "plugin": plugin})
            else:
                printed.line(f"{language:<10} {number:>4} texts of the plugin {plugin}")
    return NO if texts.mistakes else 0
