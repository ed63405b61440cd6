"""`tgbot jobs …`: the jobs of plugins that come again and again; through the running bot, or on its files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tgbot.cli import printed
from tgbot.cli.bot import Bot
from tgbot.cli.invocation import Json, examples, settings

if TYPE_CHECKING:
    from tgbot.config.settings import Config
    from tgbot.operate.control import Command

commands = typer.Typer(help="The jobs of plugins that come again and again.")


@commands.command("list", epilog=examples("jobs list", "jobs list --json"))
def list_jobs(context: typer.Context, json: Json = False) -> None:
    """List the jobs of plugins by name, while the bot runs or not.

    One a line: name, the next planned time, the last one that ran, schedule, and why the last run failed.
    """
    with Bot(settings(context), _for_reading) as bot:
        for job in bot.ask("jobs.list")["jobs"]:
            printed.as_json(job) if json else printed.line(_row(job))


@commands.command("run", epilog=examples("jobs run shop.digest"))
def run_job(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help='A name, as "tgbot jobs list" shows it.')],
    json: Json = False,
) -> int:
    """Have the running bot run a job now, and wait for its end; its next planned time stays.

    Exit status 1: it failed, and is tried again as a planned run is. Exit status 3: there is no such job.
    """
    with Bot(settings(context)) as bot:
        error = bot.ask("jobs.run", name=name)["error"]
    if json:
        printed.as_json({"name": name, "error": error})
    elif not error:
        printed.line(f"{printed.clean(name)} is done")
    if error:
        printed.complain(f"the job failed ({printed.clean(error)}); the bot's log has the places")
        return 1
    return 0


@asynccontextmanager
async def _for_reading(config: Config) -> AsyncIterator[Mapping[str, Command]]:
    from tgbot.operate.jobs import kept_commands
    from tgbot.store.opening import kept_at

    with kept_at(config.storage).users() as users:
        yield kept_commands(users.note, users.planned.get)


def _row(job: Mapping[str, Any]) -> str:
    following = "running" if job["running"] else _moment(job["next"])
    told = (f"{printed.clean(job['name']):<30}", f"{following:<23}", f"{_moment(job['last']):<23}")
    return "  ".join((*told, *map(printed.clean, filter(None, (job["schedule"], job["error"])))))


def _moment(at: int | None) -> str:
    return "-" if at is None else printed.moment(at)
