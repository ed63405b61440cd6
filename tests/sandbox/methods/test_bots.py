"""A bot's commands, texts and menu buttons."""

from __future__ import annotations

from telethon.tl import types
from telethon.tl.functions import bots, contacts, users

from tests.sandbox.methods.direct import Client, refused
from tgbot.sandbox.world import World


def test_command_lists_are_kept_by_scope_and_language(ann: Client, bot: Client) -> None:
    default, private = types.BotCommandScopeDefault(), types.BotCommandScopeUsers()
    ann.send(bot)
    one = types.BotCommandScopePeer(bot.peer(ann))
    lists = [(default, "", "start"), (default, "ru", "help"), (private, "", "privacy"), (one, "", "stats")]
    for scope, language, name in lists:
        assert bot(bots.SetBotCommandsRequest(scope, language, [types.BotCommand(name, "does it")]))
    for scope, language, name in lists:
        [command] = bot(bots.GetBotCommandsRequest(scope, language))
        assert command.command == name
    assert bot(bots.ResetBotCommandsRequest(default, "ru"))
    assert bot(bots.GetBotCommandsRequest(default, "ru")) == []
    info = ann(users.GetFullUserRequest(ann.user(bot))).full_user.bot_info
    assert [command.command for command in info.commands] == ["privacy"]
    with refused("BOT_COMMAND_INVALID"):
        bot(bots.SetBotCommandsRequest(default, "", [types.BotCommand("Start", "big")]))
    with refused("BOT_COMMAND_DESCRIPTION_INVALID"):
        bot(bots.SetBotCommandsRequest(default, "", [types.BotCommand("start", "")]))
    with refused("LANG_CODE_INVALID"):
        bot(bots.SetBotCommandsRequest(default, "russian", []))
    many = [types.BotCommand(f"c{number}", "does it") for number in range(101)]
    with refused("BOT_COMMANDS_TOO_MUCH"):
        bot(bots.SetBotCommandsRequest(default, "", many))


def test_texts_fall_back_to_the_language_without_a_code(world: World, ann: Client, bot: Client) -> None:
    bot(bots.SetBotInfoRequest("", name="Nice Bot", about="about", description="Welcome"))
    bot(bots.SetBotInfoRequest("ru", description="Привет"))
    info = bot(bots.GetBotInfoRequest("ru"))
    assert (info.name, info.about, info.description) == ("Nice Bot", "about", "Привет")
    info = bot(bots.GetBotInfoRequest("de"))
    assert info.description == "Welcome"
    assert ann(contacts.ResolveUsernameRequest("the_bot")).users[0].first_name == "Nice Bot"
    bot(bots.SetBotInfoRequest("ru", description=""))
    assert bot(bots.GetBotInfoRequest("ru")).description == "Welcome"
    with refused("DESCRIPTION_TOO_LONG"):
        bot(bots.SetBotInfoRequest("", description="x" * 513))
    with refused("USER_BOT_REQUIRED"):
        ann(bots.GetBotInfoRequest(""))


def test_a_user_may_give_a_bot_write_access(ann: Client, bot: Client) -> None:
    assert not ann(bots.CanSendMessageRequest(ann.user(bot)))
    for _ in range(2):
        ann(bots.AllowSendMessageRequest(ann.user(bot)))
    assert ann(bots.CanSendMessageRequest(ann.user(bot)))
    actions = [message.action for message in bot.difference().new_messages]
    assert [(action.from_request, action.domain) for action in actions] == [(True, None)]
    bot.send(ann, "hello")
