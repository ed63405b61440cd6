"""BotFather: the bot with which people make bots, and change what belongs to them, by talking to it.

Its texts are the sandbox's own. A token is said in the dialog with it and nowhere else.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from telethon.tl import types

from .accounts import Account, is_username
from .botprofiles import NAME
from .botsettings import SETTINGS, WHY, Refused, Setting, settings_of
from .dialogs import Copy, Post
from .logs import Entry
from .rpc import RpcError
from .world import World

#: The id of the true one.
ID: Final = 93372553
USERNAME: Final = "BotFather"
#: The most buttons in the list of bots.
_LISTED: Final = 50


class Step(StrEnum):
    """What BotFather waits for in a dialog."""

    #: The name of a new bot, and then its username.
    NEW_NAME = "newbot"
    NEW_USERNAME = "newbot username"
    #: Which bot a command is for.
    WHICH = "which"
    #: The value that the command sets.
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class _Wait:
    step: Step
    command: str = ""
    bot: int = 0
    name: str = field(default="", repr=False)


class BotFather:
    """Answer the people who write to BotFather. The account is made when somebody looks for it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.account = world.accounts.add_bot(ID, USERNAME)
        #: The person → what is waited for.
        self._waits: dict[int, _Wait] = {}
        #: How far it has read its own log.
        self._pts = self.account.log.pts
        self._due = False
        profile = self.account.profile
        assert profile is not None
        profile.joins_groups = False
        commands = [types.BotCommand(name, one.help) for name, one in SETTINGS.items()]
        profile.commands["default", ""] = [types.BotCommand("newbot", "make a new bot"), *commands]
        profile.descriptions[""] = "I make bots in this sandbox. Send /start."

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state, _due=False)

    def listen(self) -> None:
        """Subscribe to what happens to its account; a restored world has no subscribers."""
        self._world.subscribe(self._changed, self._passed)

    # -- what comes in

    def _changed(self, account_id: int) -> None:
        """Answer after the call that has brought the message: its answer comes before ours."""
        if account_id != ID or self._due:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._answer_all()
            return
        self._due = True
        loop.call_soon(self._answer_all)

    def _answer_all(self) -> None:
        self._due = False
        me = self.account
        for entry in me.log.above(self._pts, me.log.qts):
            self._pts = entry.pts or self._pts
            copy = entry.message
            sender = self._world.accounts.get(copy.peer) if copy is not None else None
            if copy is not None and not copy.out and not copy.deleted and sender is not None:
                self._hear(sender, copy)

    def _passed(self, account_id: int, entry: Entry) -> None:
        press = entry.content
        if account_id == ID and isinstance(press, types.UpdateBotCallbackQuery):
            self._pressed(press)

    def _hear(self, person: Account, copy: Copy) -> None:
        text = copy.post.text.strip()
        wait = self._waits.get(person.id)
        command = text.split(maxsplit=1)[0][1:].partition("@")[0].lower() if text.startswith("/") else ""
        if command and not (command == "empty" and wait is not None and wait.step is Step.VALUE):
            self._command(person, command)
        elif wait is None:
            self._say(person, "I do not understand that. /help lists what I can do.")
        elif wait.step is Step.NEW_NAME:
            self._new_name(person, text)
        elif wait.step is Step.NEW_USERNAME:
            self._new_username(person, wait.name, text)
        elif wait.step is Step.WHICH:
            self._which(person, wait, copy)
        else:
            self._value(person, wait, copy)

    def _command(self, person: Account, command: str) -> None:
        waited = self._waits.pop(person.id, None)
        if command in ("start", "help"):
            self._say(person, _help())
        elif command == "newbot":
            self._waits[person.id] = _Wait(Step.NEW_NAME)
            self._say(person, "A new bot. What is its name? People see it in their lists of chats.")
        elif command == "mybots":
            self._say(person, *self._list(person))
        elif command == "cancel":
            done = f"/{waited.command or 'newbot'} is cancelled." if waited else "There is nothing to cancel."
            self._say(person, done, types.ReplyKeyboardHide())
        elif command in SETTINGS:
            self._ask_which(person, command)
        elif command == "empty":
            self._say(person, "There is no text that could be emptied now.")
        else:
            self._say(person, f"I do not know /{command}. /help lists what I can do.")

    # -- new bots

    def _new_name(self, person: Account, name: str) -> None:
        if not 0 < len(name) <= NAME:
            self._say(person, f"A name has 1 to {NAME} characters. Please send another one.")
            return
        self._waits[person.id] = _Wait(Step.NEW_USERNAME, name=name)
        self._say(person, "Now a username for it. It has to end in “bot”, such as tetris_bot.")

    def _new_username(self, person: Account, name: str, username: str) -> None:
        username = username.removeprefix("@")
        if not username.lower().endswith("bot"):
            self._say(person, "The username of a bot has to end in “bot”. Please send another one.")
        elif not is_username(username):
            self._say(
                person,
                "A username has 5 to 32 Latin letters, digits and underscores, and begins with a letter. "
                "Please send another one.",
            )
        elif self._world.accounts.holder(username) is not None:
            self._say(person, f"@{username} is taken. Please send another one.")
        else:
            del self._waits[person.id]
            bot = self._world.new_bot(username, name)
            profile = self._world.accounts[bot.id].profile
            assert profile is not None
            profile.owner = person.id
            self._say(
                person,
                f"Your bot is ready: t.me/{username}\n\nThis is its token; who has it can control the bot:\n"
                f"{bot.token}\n\n/setcommands and /setdescription tell people what it does.",
                marked=bot.token,
            )

    # -- bots that there are

    def bots_of(self, person: Account) -> list[Account]:
        """Return the bots of a person, and those that nobody owns: they were made for this world.

        Who tries the sandbox wants to change the bot that it began with, which nobody has made in a dialog.
        """
        accounts = (self._world.accounts.get(number) for number in self._world.accounts.ids())
        return [
            one
            for one in accounts
            if one is not None
            and one.profile
            and one.profile.owner in (0, person.id)
            and not one.deleted
            and one.id != ID
        ]

    def _ask_which(self, person: Account, command: str) -> None:
        names = [f"@{bot.usernames[0]}" for bot in self.bots_of(person)][:_LISTED]
        if not names:
            self._say(person, "You have no bots yet. /newbot makes one.")
            return
        self._waits[person.id] = _Wait(Step.WHICH, command)
        self._say(person, "Which bot?", _keys(names))

    def _which(self, person: Account, wait: _Wait, copy: Copy) -> None:
        wanted = copy.post.text.strip().removeprefix("@").lower()
        bot = next((one for one in self.bots_of(person) if one.usernames[0].lower() == wanted), None)
        if bot is None:
            self._say(person, "You have no bot with this username. Choose one, or /cancel.")
            return
        setting = SETTINGS[wait.command]
        self._waits[person.id] = _Wait(Step.VALUE, wait.command, bot.id)
        if setting.question:
            markup = _keys(list(setting.keys)) if setting.keys else types.ReplyKeyboardHide()
            self._say(person, setting.question, markup)
        else:
            self._set(person, setting, bot, copy.post)

    def _value(self, person: Account, wait: _Wait, copy: Copy) -> None:
        bot = self._world.accounts[wait.bot]
        if bot not in self.bots_of(person):  # deleted in the meantime
            self._waits.pop(person.id, None)
            self._say(person, "This bot is not yours any more.", types.ReplyKeyboardHide())
            return
        self._set(person, SETTINGS[wait.command], bot, copy.post)

    def _set(self, person: Account, setting: Setting, bot: Account, post: Post) -> None:
        try:
            said = setting.carry_out(self._world, bot, post)
        except (Refused, RpcError) as error:
            why = error.name if isinstance(error, RpcError) else str(error)
            self._say(person, f"{WHY.get(why, why)} Please try again, or /cancel.")
            return
        self._waits.pop(person.id, None)
        self._say(person, said, types.ReplyKeyboardHide(), marked=bot.token or "")

    # -- the list with buttons

    def _list(self, person: Account) -> tuple[str, types.ReplyInlineMarkup | None]:
        bots = self.bots_of(person)
        if not bots:
            return "You have no bots yet. /newbot makes one.", None
        rows = [[(f"@{bot.usernames[0]}", f"bot {bot.id}")] for bot in bots[:_LISTED]]
        return "Your bots, and those that nobody has made. Choose one:", _buttons(rows)

    def _pressed(self, press: types.UpdateBotCallbackQuery) -> None:
        copy, person = self.account.box.get(press.msg_id), self._world.accounts[press.user_id]
        action, _, number = (press.data or b"").decode(errors="replace").partition(" ")
        bot = next((one for one in self.bots_of(person) if str(one.id) == number), None)
        self._world.presses.answer(
            self.account, press.query_id, types.messages.BotCallbackAnswer(cache_time=0)
        )
        if copy is None or copy.deleted:
            return
        if bot is None:
            text, markup = self._list(person)
        else:
            shown = f"{bot.name} (@{bot.usernames[0]})"
            text = f"{shown}\n{bot.token}" if action == "token" else f"{shown}\n\n{settings_of(bot)}"
            markup = _buttons([[("Token", f"token {bot.id}")], [("« All bots", "list")]])
        if (text, markup) != (copy.post.text, copy.post.markup):
            copy.post.text, copy.post.markup, copy.post.entities = text, markup, None
            self._world.posts.edited(copy)

    def _say(
        self, person: Account, text: str, markup: types.TypeReplyMarkup | None = None, *, marked: str = ""
    ) -> None:
        """Write to a person; `marked` is shown as code, so that it can be copied."""
        at = text.find(marked) if marked else -1
        code = [types.MessageEntityCode(_units(text[:at]), len(marked))] if at >= 0 else None
        self._world.send_as(ID, person.id, text, reply_markup=markup, entities=code)


def _help() -> str:
    settings = "\n".join(f"/{name} - {setting.help}" for name, setting in SETTINGS.items())
    return (
        "I make the bots of this sandbox and change them for you.\n\n"
        f"/newbot - make a new bot\n/mybots - list your bots\n{settings}\n/cancel - end what was begun"
    )


def _keys(names: list[str]) -> types.ReplyKeyboardMarkup:
    plain = types.ButtonTypeDefault()
    rows = [types.KeyboardButtonRow([types.KeyboardButton(name, plain)]) for name in names]
    return types.ReplyKeyboardMarkup(rows, resize=True, single_use=True)


def _buttons(rows: list[list[tuple[str, str]]]) -> types.ReplyInlineMarkup:
    return types.ReplyInlineMarkup(
        [
            types.KeyboardInlineButtonRow(
                [
                    types.KeyboardInlineButton(text, types.InlineButtonTypeCallback(data.encode()))
                    for text, data in row
                ]
            )
            for row in rows
        ]
    )


def _units(text: str) -> int:
    """Return the length of a text in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def botfather(world: World) -> BotFather:
    """Return the BotFather of a world; it comes into being when somebody looks for it."""
    found = world.residents.get(ID)
    if not isinstance(found, BotFather):
        found = world.residents[ID] = BotFather(world)
        found.listen()
    return found
