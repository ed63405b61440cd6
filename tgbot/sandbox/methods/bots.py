"""bots.*: a bot's commands, texts, menu buttons and write access."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from telethon.tl import TLObject, TLRequest, types
from telethon.tl.functions import bots

from ..accounts import Account, BotProfile
from ..rpc import RpcError
from .calls import Call, Method, Open
from .users import commands_of

_COMMAND: Final = re.compile(r"[a-z0-9_]{1,32}")
_LANGUAGE: Final = re.compile(r"(?:[a-z]{2})?")
_COMMANDS: Final = 100
_COMMAND_TEXT: Final = 256
_NAME: Final = 64
_ABOUT: Final = 120
_DESCRIPTION: Final = 512
#: What decides a request to join; the other answers leave it open.
_DECISIONS: Final = {types.JoinChatBotResultApproved: True, types.JoinChatBotResultDeclined: False}
_SCOPES: Final = {
    types.BotCommandScopeDefault: "default",
    types.BotCommandScopeUsers: "users",
    types.BotCommandScopeChats: "chats",
    types.BotCommandScopeChatAdmins: "chat_admins",
}


def _profile(call: Call) -> BotProfile:
    profile = call.me.profile
    if profile is None:
        raise RpcError(400, "USER_BOT_REQUIRED")
    return profile


def _key(call: Call, request: TLRequest) -> tuple[str, str]:
    """Return the key of a command list: scope and language."""
    scope = request.scope
    name = _SCOPES.get(type(scope))
    if name is None:
        name = f"{type(scope).__name__} {call.peer(scope.peer).marked}"
        if isinstance(scope, types.BotCommandScopePeerUser):
            name += f" {call.user(scope.user_id).id}"
    return name, _language(request.lang_code)


def _language(code: str) -> str:
    if not _LANGUAGE.fullmatch(code):
        raise RpcError(400, "LANG_CODE_INVALID")
    return code


def set_bot_commands(call: Call, request: bots.SetBotCommandsRequest) -> bool:
    profile = _profile(call)
    key = _key(call, request)
    if len(request.commands) > _COMMANDS:
        raise RpcError(400, "BOT_COMMANDS_TOO_MUCH")
    for command in request.commands:
        if not _COMMAND.fullmatch(command.command):
            raise RpcError(400, "BOT_COMMAND_INVALID")
        if not 0 < len(command.description) <= _COMMAND_TEXT:
            raise RpcError(400, "BOT_COMMAND_DESCRIPTION_INVALID")
    if request.commands:
        _change(call, lambda: profile.commands.update({key: list(request.commands)}))
    else:
        _change(call, lambda: profile.commands.pop(key, None))  # wider lists show again
    profile.version += 1
    return True


def _change(call: Call, change: Callable[[], object]) -> None:
    """Change the commands of the caller, and tell the people who see others than before."""
    call.world.commandlists.change(call.me, change, commands_of)


def get_bot_commands(call: Call, request: bots.GetBotCommandsRequest) -> list[TLObject]:
    return _profile(call).commands.get(_key(call, request), [])


def reset_bot_commands(call: Call, request: bots.ResetBotCommandsRequest) -> bool:
    profile, key = _profile(call), _key(call, request)
    if key in profile.commands:
        _change(call, lambda: profile.commands.pop(key))
        profile.version += 1
    return True


def _own(call: Call, request: TLRequest) -> tuple[Account, BotProfile]:
    """Return the caller and its profile; raise an error if the request names another bot."""
    if call.me.is_bot and (request.bot is None or call.user(request.bot, "BOT_INVALID") is call.me):
        return call.me, _profile(call)
    raise RpcError(400, "USER_BOT_REQUIRED" if request.bot is None else "BOT_INVALID")


def set_bot_info(call: Call, request: bots.SetBotInfoRequest) -> bool:
    bot, profile = _own(call, request)
    language = _language(request.lang_code)
    given = (
        (request.name, _NAME, "BOT_TITLE_INVALID", profile.names),
        (request.about, _ABOUT, "ABOUT_TOO_LONG", profile.abouts),
        (request.description, _DESCRIPTION, "DESCRIPTION_TOO_LONG", profile.descriptions),
    )
    for text, limit, error, _ in given:
        if text is not None and len(text) > limit:
            raise RpcError(400, error)
    for text, _, _, texts in given:
        if text:
            texts[language] = text
        elif text is not None:
            texts.pop(language, None)
    if not language:
        bot.first_name = profile.names.get("", bot.first_name)
        bot.about = profile.abouts.get("", "")
    profile.version += 1
    return True


def get_bot_info(call: Call, request: bots.GetBotInfoRequest) -> TLObject:
    bot, profile = _own(call, request)
    language = _language(request.lang_code)
    texts = (profile.names, profile.abouts, profile.descriptions)
    name, about, description = (each.get(language, each.get("", "")) for each in texts)
    return types.bots.BotInfo(name or bot.first_name, about, description)


def set_menu_button(call: Call, request: bots.SetBotMenuButtonRequest) -> bool:
    _profile(call).menus[_menu_of(call, request)] = request.button
    return True


def get_menu_button(call: Call, request: bots.GetBotMenuButtonRequest) -> TLObject:
    menus = _profile(call).menus
    return menus.get(_menu_of(call, request)) or menus.get(0) or types.BotMenuButtonDefault()


def _menu_of(call: Call, request: TLRequest) -> int:
    return 0 if isinstance(request.user_id, types.InputUserEmpty) else call.user(request.user_id).id


def can_send_message(call: Call, request: bots.CanSendMessageRequest) -> bool:
    bot = _bot(call, request)
    return call.me.id in bot.started or call.me.id in bot.allowed


def allow_send_message(call: Call, request: bots.AllowSendMessageRequest) -> TLObject:
    bot = _bot(call, request)
    if not can_send_message(call, request):
        call.world.allow(bot.id, call.me.id, from_request=True)
    return call.happened([], [bot.id])


def _bot(call: Call, request: TLRequest) -> Account:
    bot = call.user(request.bot, "BOT_INVALID")
    if not bot.is_bot:
        raise RpcError(400, "BOT_INVALID")
    return bot


def set_join_chat_results(call: Call, request: bots.SetJoinChatResultsRequest) -> bool:
    approved = _DECISIONS.get(type(request.result))
    call.world.groups.answer_query(call.me, request.query_id, approved)
    return True


METHODS: Final = {
    bots.SetJoinChatResultsRequest: Method(set_join_chat_results, Open.BOTS),
    bots.CanSendMessageRequest: Method(can_send_message, Open.USERS),
    bots.AllowSendMessageRequest: Method(allow_send_message, Open.USERS),
    bots.SetBotCommandsRequest: Method(set_bot_commands, Open.BOTS),
    bots.GetBotCommandsRequest: Method(get_bot_commands, Open.BOTS),
    bots.ResetBotCommandsRequest: Method(reset_bot_commands, Open.BOTS),
    bots.SetBotInfoRequest: Method(set_bot_info),
    bots.GetBotInfoRequest: Method(get_bot_info),
    bots.SetBotMenuButtonRequest: Method(set_menu_button, Open.BOTS),
    bots.GetBotMenuButtonRequest: Method(get_menu_button, Open.BOTS),
}
