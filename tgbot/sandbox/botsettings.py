"""What people change of their bots at BotFather: the commands, what they ask for, and what they do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from telethon.tl import types

from .accounts import Account, BotProfile
from .botprofiles import COMMAND, NAME
from .dialogs import Post
from .world import World

_DOMAIN: Final = re.compile(r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9-]{1,63}")
#: What deletes a bot, in any case; the second is what the true BotFather asks for.
_SURE: Final = ("yes, delete it", "yes, i am totally sure.")


@dataclass(frozen=True, slots=True)
class Setting:
    """A command that asks for a bot, and then for a value, if it needs one."""

    help: str
    #: What BotFather says when the bot is known; empty if nothing has to be asked.
    question: str
    #: Sets the value that a message has and returns what BotFather says; raises Refused or an RpcError.
    carry_out: Callable[[World, Account, Post], str]
    #: Keys for the values that there are.
    keys: tuple[str, ...] = ()


class Refused(Exception):
    """The value is not accepted; the text says why."""


def _changed(bot: Account) -> BotProfile:
    """Return the profile of a bot, of which apps know that it changes."""
    assert bot.profile is not None
    bot.profile.version += 1
    return bot.profile


def _token(world: World, bot: Account, post: Post) -> str:
    return f"The token of @{bot.usernames[0]}:\n{bot.token}"


def _revoke(world: World, bot: Account, post: Post) -> str:
    token = world.revoke_token(bot.id)
    return f"The old token does not work any more, and the bot is logged out. The new one:\n{token}"


def _text(post: Post, *, most: int = 0) -> str:
    """Return the text of a message, empty for /empty; refuse one that is none, or too long."""
    text = post.text.strip()
    if not text:
        raise Refused("That is no text.")
    if text.split("@")[0].lower() == "/empty":
        return ""
    if most and len(text) > most:
        raise Refused(f"That is too long: {len(text)} of {most} characters.")
    return text


def _name(world: World, bot: Account, post: Post) -> str:
    name = _text(post)
    if not name:
        raise Refused("A bot has a name.")
    world.bots.set_texts(bot, "", name=name)
    world.set_name(bot.id, name)
    return "The name is changed."


def _description(world: World, bot: Account, post: Post) -> str:
    world.bots.set_texts(bot, "", description=_text(post))
    return "The description is changed. People see it before they press Start."


def _about(world: World, bot: Account, post: Post) -> str:
    world.bots.set_texts(bot, "", about=_text(post))
    return "The text is changed. People see it in the bot's profile."


def _picture(world: World, bot: Account, post: Post) -> str:
    photo = getattr(post.media, "photo", None)
    stored = world.files.named(photo.id) if isinstance(photo, types.Photo) else None
    if stored is None or stored.picture is None:
        raise Refused("That is no photo.")
    world.profiles.set_photos(bot, world.new_photo(stored.picture.squared(), bot), *bot.photos)
    return "The photo is changed."


def _commands(world: World, bot: Account, post: Post) -> str:
    text = _text(post)
    world.bots.set_commands(bot, "default", "", list(_lines(text)) if text else [])
    return "The commands are changed." if text else "The commands are removed."


def _lines(text: str) -> Iterator[types.BotCommand]:
    for line in text.splitlines():
        name, _, description = line.strip().removeprefix("/").partition("-")
        if not COMMAND.fullmatch(name.strip()) or not description.strip():
            raise Refused(
                "Each line has to be a command of lower-case letters, digits and underscores, "
                "a hyphen, and a description."
            )
        yield types.BotCommand(name.strip(), description.strip())


def _delete(world: World, bot: Account, post: Post) -> str:
    if post.text.strip().lower() not in _SURE:
        raise Refused("The bot is kept.")
    name = bot.usernames[0]
    world.delete_account(bot.id)
    return f"@{name} is deleted."


def _inline(world: World, bot: Account, post: Post) -> str:
    text = _text(post, most=NAME)
    _changed(bot).inline = text or None
    return "Inline mode is on." if text else "Inline mode is off."


def _domain(world: World, bot: Account, post: Post) -> str:
    given = _text(post).lower()
    domain = given.removeprefix("https://").removeprefix("http://").rstrip("/")
    if domain and not _DOMAIN.fullmatch(domain):
        raise Refused("That is no domain. One is like example.com.")
    _changed(bot).domain = domain
    return f"People can log in on {domain} now." if domain else "The bot has no domain now."


def _privacy_url(world: World, bot: Account, post: Post) -> str:
    url = _text(post)
    if url and not url.startswith(("https://", "http://")):
        raise Refused("That is no address. One begins with https://.")
    _changed(bot).privacy_url = url
    return "The address of the privacy policy is changed."


def settings_of(bot: Account) -> str:
    """Return the settings of a bot, for people."""
    profile = bot.profile
    assert profile is not None

    def switched(on: bool) -> str:
        return "on" if on else "off"

    return (
        f"Groups: {switched(profile.joins_groups)}\nPrivacy mode: {switched(not profile.sees_all)}\n"
        f"Inline mode: {switched(profile.inline is not None)}\n"
        f"Inline feedback: {switched(profile.inline_feedback)}\n"
        f"Places in inline queries: {switched(profile.inline_geo)}\nDomain: {profile.domain or 'none'}"
    )


def _switch(name: str, on: str, off: str) -> Callable[[World, Account, Post], str]:
    """Return what sets a flag of the profile to the key that was pressed."""

    def carry_out(world: World, bot: Account, post: Post) -> str:
        key = post.text.strip().lower()
        if key not in ("enable", "disable", "enabled", "disabled"):
            raise Refused("Send Enable or Disable.")
        enabled = key.startswith("enable")
        setattr(_changed(bot), name, enabled)
        return on if enabled else off

    return carry_out


def _privacy(world: World, bot: Account, post: Post) -> str:
    said = _switch(
        "sees_all",
        "Privacy mode is on: in groups the bot gets what is addressed to it.",
        "Privacy mode is off: in groups the bot gets all messages.",
    )(world, bot, post)
    profile = _changed(bot)
    profile.sees_all = not profile.sees_all  # the mode that is enabled hides messages
    return said


_ON_OFF: Final = ("Enable", "Disable")
_EMPTY: Final = " /empty removes it."
SETTINGS: Final[dict[str, Setting]] = {
    "token": Setting("say the token of a bot", "", _token),
    "revoke": Setting("give a bot a new token", "", _revoke),
    "setname": Setting("change the name of a bot", "What is the new name?", _name),
    "setdescription": Setting(
        "change the text before Start",
        "Send the text that people see before they press Start." + _EMPTY,
        _description,
    ),
    "setabouttext": Setting(
        "change the text in the profile", "Send the text for the profile." + _EMPTY, _about
    ),
    "setuserpic": Setting("change the photo of a bot", "Send the new photo.", _picture),
    "setcommands": Setting(
        "change the list of commands",
        "Send the commands, one in a line:\n\nstart - begin\nhelp - say what the bot can do\n\n"
        "/empty removes them.",
        _commands,
    ),
    "setinline": Setting(
        "switch inline mode",
        "Send the text that people see behind the bot's name when they ask it in any chat. "
        "/empty switches inline mode off.",
        _inline,
    ),
    "setinlinefeedback": Setting(
        "tell the bot which results are chosen",
        "Is the bot to be told which of its inline results people send?",
        _switch("inline_feedback", "The bot is told now.", "The bot is not told any more."),
        _ON_OFF,
    ),
    "setinlinegeo": Setting(
        "tell the bot where people are",
        "Is the bot to be told where people are who ask it inline?",
        _switch("inline_geo", "The bot is told now.", "The bot is not told any more."),
        _ON_OFF,
    ),
    "setjoingroups": Setting(
        "let the bot be added to groups",
        "May people add the bot to groups?",
        _switch("joins_groups", "It can be added to groups now.", "It cannot be added to groups any more."),
        _ON_OFF,
    ),
    "setprivacy": Setting(
        "choose what the bot gets in groups",
        "Enable: in groups the bot gets only what is addressed to it. Disable: it gets everything.",
        _privacy,
        _ON_OFF,
    ),
    "setdomain": Setting(
        "set the site of the Login Widget",
        "Send the domain of the site, such as example.com." + _EMPTY,
        _domain,
    ),
    "setprivacypolicy": Setting(
        "set the address of the privacy policy",
        "Send the address of the privacy policy." + _EMPTY,
        _privacy_url,
    ),
    "deletebot": Setting("delete a bot", "This cannot be undone. Send “Yes, delete it” to go on.", _delete),
}
#: What an RPC error of a change means to a person.
WHY: Final = {
    "BOT_TITLE_INVALID": f"A name has 1 to {NAME} characters.",
    "ABOUT_TOO_LONG": "That is too long: 120 characters are possible.",
    "DESCRIPTION_TOO_LONG": "That is too long: 512 characters are possible.",
    "BOT_COMMANDS_TOO_MUCH": "Those are too many: 100 commands are possible.",
    "BOT_COMMAND_INVALID": "That is no list of commands.",
    "BOT_COMMAND_DESCRIPTION_INVALID": "A description has 1 to 256 characters.",
}
