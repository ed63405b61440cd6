"""A bot's commands, texts and menu buttons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from telethon.tl import types
from telethon.tl.functions import bots, channels, contacts, users

from tests.sandbox.methods.direct import Client, refused
from tgbot.sandbox.world import World


def test_command_lists_are_kept_by_scope_and_language(ann: Client, bot: Client, new_person: Any) -> None:
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
    for person, name in ((ann, "stats"), (new_person("Ben"), "privacy")):
        info = person(users.GetFullUserRequest(person.user(bot))).full_user.bot_info
        assert [command.command for command in info.commands] == [name]
    with refused("BOT_COMMAND_INVALID"):
        bot(bots.SetBotCommandsRequest(default, "", [types.BotCommand("Start", "big")]))
    with refused("BOT_COMMAND_DESCRIPTION_INVALID"):
        bot(bots.SetBotCommandsRequest(default, "", [types.BotCommand("start", "")]))
    with refused("LANG_CODE_INVALID"):
        bot(bots.SetBotCommandsRequest(default, "russian", []))
    many = [types.BotCommand(f"c{number}", "does it") for number in range(101)]
    with refused("BOT_COMMANDS_TOO_MUCH"):
        bot(bots.SetBotCommandsRequest(default, "", many))


def seen(person: Client, bot: Client) -> list[str]:
    """Return the commands that a person sees in the private chat with a bot."""
    info = person(users.GetFullUserRequest(person.user(bot))).full_user.bot_info
    return [command.command for command in info.commands]


def test_the_narrowest_list_is_seen_and_an_empty_one_is_none(
    ann: Client, bot: Client, new_person: Callable[..., Client]
) -> None:
    ben = new_person("Бен", "ru")
    ann.send(bot)
    ben.send(bot)
    default, private = types.BotCommandScopeDefault(), types.BotCommandScopeUsers()
    one = types.BotCommandScopePeer(bot.peer(ben))
    for scope, language, sees in (
        (default, "", ["c0"]),
        (default, "ru", ["c1"]),
        (private, "", ["c2"]),
        (private, "ru", ["c3"]),
        (one, "", ["c4"]),
        (one, "ru", ["c5"]),
    ):
        bot(bots.SetBotCommandsRequest(scope, language, [types.BotCommand(sees[0], "does it")]))
        assert seen(ben, bot) == sees
    assert seen(ann, bot) == ["c2"]
    bot(bots.SetBotCommandsRequest(one, "ru", []))
    assert seen(ben, bot) == ["c4"]
    bot(bots.ResetBotCommandsRequest(one, ""))
    assert seen(ben, bot) == ["c3"]


def test_in_a_group_members_and_admins_see_lists_of_their_own(
    world: World, ann: Client, bot: Client, new_person: Callable[..., Client]
) -> None:
    ben = new_person("Ben")
    club = world.new_channel("Club", megagroup=True, creator=ann.id)
    for member in (bot, ben):
        world.groups.add(club, world.accounts[member.id], by=ann.id)

    def peer(client: Client, kind: Any = types.InputPeerChannel) -> Any:
        return kind(club.id, world.accounts.access_hash(client.id, club.id, kind=b"channel"))

    def shown(client: Client) -> str:
        full = client(channels.GetFullChannelRequest(peer(client, types.InputChannel))).full_chat
        [info] = full.bot_info
        assert info.user_id == bot.id
        return "".join(command.command for command in info.commands)

    its = peer(bot)
    for scope, ann_sees, ben_sees in (
        (types.BotCommandScopeUsers(), "", ""),
        (types.BotCommandScopeDefault(), "b", "b"),
        (types.BotCommandScopeChats(), "c", "c"),
        (types.BotCommandScopeChatAdmins(), "d", "c"),
        (types.BotCommandScopePeer(its), "e", "e"),
        (types.BotCommandScopePeerAdmins(its), "f", "e"),
        (types.BotCommandScopePeerUser(its, bot.user(ben)), "f", "g"),
    ):
        name = max(ann_sees, ben_sees) or "a"
        bot(bots.SetBotCommandsRequest(scope, "", [types.BotCommand(name, "does it")]))
        assert (shown(ann), shown(ben)) == (ann_sees, ben_sees)


def test_texts_fall_back_to_the_language_without_a_code(world: World, ann: Client, bot: Client) -> None:
    bot(bots.SetBotInfoRequest("", name="Nice Bot", about="about", description="Welcome"))
    bot(bots.SetBotInfoRequest("ru", description="Привет"))
    info = bot(bots.GetBotInfoRequest("ru"))
    assert (info.name, info.about, info.description) == ("Nice Bot", "about", "Привет")
    info = bot(bots.GetBotInfoRequest("de"))
    assert info.description == "Welcome"
    bot(bots.SetBotInfoRequest("en", about="in English"))
    assert ann(users.GetFullUserRequest(ann.user(bot))).full_user.about == "in English"
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
