"""A registry that was lost while the session was kept, rebuilt by a bot that is killed on the way.

`python -m tests.scenarios.rebuilding` does it with 100,000 messages of 20,000 people and five kills.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sqlite3
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.scenarios.audit import Audit, audit_files
from tests.scenarios.crash import Site, open_site, until
from tests.scenarios.planted import NAME, TEXT
from tgbot.messaging.rebuild.rebuild import NOTE
from tgbot.operate.control import ask
from tgbot.sandbox.dialogs import Copy
from tgbot.store.sqlite.userfile import open_readonly

GET = "messages.getMessages"
LANGUAGES = ("en", "ru", "de", "")


@dataclass
class Outcome:
    """What is left of the people after a rebuild, and what it took."""

    people: int = 0
    #: People of whom no message is left: they cannot come back.
    gone: int = 0
    #: What the registry does not know rightly, in words.
    wrong: list[str] = field(default_factory=list)
    audit: Audit = field(default_factory=Audit)
    report: dict[str, Any] = field(default_factory=dict)
    calls: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)
    #: How often the bot was killed before all was read.
    killed: int = 0
    #: How many messages the bot sent because of it.
    said: int = 0


def plant(site: Site, people: int, messages: int) -> None:
    """Let people write to a bot that does not run, and the bot answer some of them; then delete some."""
    world, chance = site.world, site.random
    known = [world.new_user(f"{NAME} {number}", username=f"person_{number}") for number in range(people)]
    for user in known:
        user.language = chance.choice(LANGUAGES)
    bot = site.bot.id
    for number in range(messages):
        user = known[number] if number < people else chance.choice(known)
        if bot in user.blocked:
            world.block(user.id, bot, blocked=False)
        roll = chance.random()
        text = "/start" if roll < 0.1 else f"/start p{number}" if roll < 0.3 else f"{TEXT} {number}"
        site.said(user.id, text)
        if chance.random() < 0.2:
            world.send_as(bot, user.id, f"answer {number}")
        if chance.random() < 0.02:
            world.block(user.id, bot)
    gone = known[::50]
    copies = [copy for user in gone for copy in site.dialog(user.id)]
    copies += [copy for user in known[1::7] for copy in list(site.dialog(user.id))[:1]]
    world.posts.delete(copies, revoke=True)


async def status(site: Site) -> dict[str, Any]:
    """Return how far the running bot is."""
    control = site.session.with_name("bot.control")
    found: dict[str, Any] = await asyncio.to_thread(ask, control, "users.rebuild", {"do": "status"})
    return found


def on_disk(site: Site) -> tuple[int, bool]:
    """Return how much is read by what is on disk, and whether that is all."""
    with contextlib.closing(sqlite3.connect(f"file:{site.registry}?mode=ro", uri=True)) as registry:
        for (text,) in registry.execute("SELECT value FROM meta WHERE key = ?", (NOTE,)):
            found = json.loads(text)
            return found["place"]["scanned"] + found["place"]["updates"], found["state"] == "done"
    return 0, False


async def lose_the_registry(site: Site) -> None:
    """Let the bot log in and answer somebody, stop it, and delete its users."""
    await (await site.spawn()).up()
    ann = site.world.new_user(NAME)
    site.said(ann.id, "say one thing")
    await until(lambda: any(copy.out for copy in site.dialog(ann.id)), "somebody is answered")
    await site.end()
    for file in site.registry.parent.glob(f"{site.registry.name}*"):
        file.unlink()


async def rebuild(site: Site, kills: int, *, delay: float = 0.0) -> Outcome:
    """Have the registry rebuilt, killed `kills` times on the way; return what came of it.

    `delay` makes each answer late while the bot is to be killed.
    """
    outcome = Outcome()
    sent, began = len([copy for copy in site.account.box if copy.out]), time.monotonic()
    calls = site.sandbox.calls[GET]
    control = site.session.with_name("bot.control")
    top = len(site.account.box)
    for method in (GET, "updates.getDifference"):
        site.sandbox.faults.delay(delay if kills else 0, method)
    for number in range(kills + 1):
        await (await site.spawn()).up()
        if number == 0:
            asking = asyncio.create_task(asyncio.to_thread(ask, control, "users.rebuild", {}))
            asking.add_done_callback(lambda done: done.exception())  # it ends with the bot
        if number == kills:
            break
        target = on_disk(site)[0] + top // (kills + 2)

        def is_read(target: int = target) -> bool:
            read, done = on_disk(site)
            return read >= target or done

        await until(is_read, "a part is on disk", progress=lambda: on_disk(site))
        outcome.killed += not on_disk(site)[1]
        await site.end(signal.SIGKILL)
    for method in (GET, "updates.getDifference"):
        site.sandbox.faults.delay(0, method)
    await until(lambda: on_disk(site)[1], "all is read", progress=lambda: on_disk(site))
    outcome.report = await status(site)
    outcome.seconds, outcome.calls = time.monotonic() - began, site.sandbox.calls[GET] - calls
    outcome.said = len([copy for copy in site.account.box if copy.out]) - sent
    await site.end()
    outcome.faults = site.faults
    compare(site, outcome)
    return outcome


def compare(site: Site, outcome: Outcome) -> None:
    """Compare the registry with the messages that are left at Telegram."""
    left = {user_id: list(site.dialog(user_id)) for user_id in site.users()}
    outcome.gone = sum(not copies for copies in left.values())
    for user_id in [user_id for user_id, copies in left.items() if not copies]:
        del site.account.box.dialogs[user_id]  # the audit asks for everybody who has a dialog
    outcome.people = sum(map(bool, left.values()))
    audit_files(site, outcome.audit)
    with contextlib.closing(open_readonly(site.registry)) as users:
        for user_id, copies in left.items():
            user, said = users.get(user_id), [copy for copy in copies if not copy.out]
            if user is None:
                continue  # the audit says so
            starts = [copy for copy in said if copy.post.text.startswith("/start")]
            payloads = [payload for copy in starts if (payload := copy.post.text[7:])]
            told = (user.first_message_id, user.first_start_id, user.first_payload, user.last_payload)
            true = (_first(said), _first(starts), *(payloads[:1] or [""]), *(payloads[-1:] or [""]))
            account = site.world.accounts[user_id]
            told_of = (user.first_name, user.usernames, user.language or "")
            true_of = (account.first_name, tuple(account.usernames), account.language or "")
            if copies and (told, told_of) != (true, true_of):
                outcome.wrong.append(f"{user_id}: {told} {told_of}, not {true} {true_of}")


def _first(copies: list[Copy]) -> int:
    return min((copy.id for copy in copies), default=0)


async def main(arguments: argparse.Namespace) -> bool:
    with tempfile.TemporaryDirectory(prefix="tgbot-rebuild-") as directory:
        async with open_site(Path(directory), arguments.seed) as site:
            plant(site, arguments.people, arguments.messages)
            site.world.limits.box = arguments.box
            await lose_the_registry(site)
            outcome = await rebuild(site, arguments.kills, delay=arguments.delay)
    known = outcome.people - outcome.audit.users_missing
    print(json.dumps(outcome.report))
    print(
        f"{known} of {outcome.people} people with a message left are known ({outcome.gone} have none),"
        f" {len(outcome.wrong)} of them wrongly; {outcome.audit.hashes_missing} access hashes missing,"
        f" {outcome.audit.access_wrong} wrong access states; {outcome.said} messages sent;"
        f" {outcome.calls} calls of {GET}, {outcome.seconds:.0f} s; killed {outcome.killed} times on the way"
    )
    for text in (*outcome.audit.found, *outcome.wrong[:20], *outcome.faults[:20]):
        print(f"    {text}")
    return outcome.audit.clean and not outcome.wrong and not outcome.faults and not outcome.said


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--box", type=int, default=30_000, help="how many pts a difference reaches back")
    parser.add_argument("--delay", type=float, default=0.0, help="of each answer until the last kill, in s")
    parser.add_argument("--seed", type=int, default=1)
    sys.exit(0 if asyncio.run(main(parser.parse_args())) else 1)
