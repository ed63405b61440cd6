"""bots.*: a bot's commands, texts, menu buttons and write access."""

from __future__ import annotations

import re
from typing import Final

from telethon.tl import TLObject, TLRequest, types
from telethon.tl.functions import bots

from ..accounts import Account, BotProfile
from ..botprofiles import menu_of
from ..rights import ADMIN
from ..rpc import RpcError
from .calls import Call, Method, Open

_LANGUAGE: Final = re.compile(r"(?:[a-z]{2})?")
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
    call.world.bots.set_commands(call.me, *_key(call, request), request.commands)
    return True


def get_bot_commands(call: Call, request: bots.GetBotCommandsRequest) -> list[TLObject]:
    return _profile(call).commands.get(_key(call, request), [])


def reset_bot_commands(call: Call, request: bots.ResetBotCommandsRequest) -> bool:
    call.world.bots.set_commands(call.me, *_key(call, request), [])
    return True


def _own(call: Call, request: TLRequest) -> tuple[Account, BotProfile]:
    """Return the bot that a request is about, and its profile: the caller, or a bot that it owns."""
    bot = call.me if request.bot is None else call.own_bot(request.bot)
    if bot.profile is None:
        raise RpcError(400, "USER_BOT_REQUIRED")
    return bot, bot.profile


def set_bot_info(call: Call, request: bots.SetBotInfoRequest) -> bool:
    bot, _ = _own(call, request)
    name, about, description = request.name, request.about, request.description
    language = _language(request.lang_code)
    call.world.bots.set_texts(bot, language, name=name, about=about, description=description)
    return True


def get_bot_info(call: Call, request: bots.GetBotInfoRequest) -> TLObject:
    bot, profile = _own(call, request)
    language = _language(request.lang_code)
    texts = (profile.names, profile.abouts, profile.descriptions)
    name, about, description = (each.get(language, each.get("", "")) for each in texts)
    return types.bots.BotInfo(name or bot.first_name, about, description)


def set_menu_button(call: Call, request: bots.SetBotMenuButtonRequest) -> bool:
    call.world.bots.set_menu(call.me, _menu_of(call, request), request.button)
    return True


def get_menu_button(call: Call, request: bots.GetBotMenuButtonRequest) -> TLObject:
    return menu_of(call.me, _menu_of(call, request))


def set_group_rights(call: Call, request: bots.SetBotGroupDefaultAdminRightsRequest) -> bool:
    profile = _profile(call)
    if _same(profile.group_rights, request.admin_rights):
        raise RpcError(400, "RIGHTS_NOT_MODIFIED")
    profile.group_rights = request.admin_rights
    profile.version += 1
    return True


def set_channel_rights(call: Call, request: bots.SetBotBroadcastDefaultAdminRightsRequest) -> bool:
    profile = _profile(call)
    if _same(profile.channel_rights, request.admin_rights):
        raise RpcError(400, "RIGHTS_NOT_MODIFIED")
    profile.channel_rights = request.admin_rights
    profile.version += 1
    return True


def _same(before: types.ChatAdminRights | None, after: types.ChatAdminRights) -> bool:
    return all(bool(getattr(before, name, None)) == bool(getattr(after, name)) for name in ADMIN)


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


def get_admined_bots(call: Call, request: bots.GetAdminedBotsRequest) -> list[TLObject]:
    accounts = (call.world.accounts.get(number) for number in call.world.accounts.ids())
    mine = [one for one in accounts if one and one.profile and one.profile.owner == call.me.id]
    return [call.world.view.user(call.me, one) for one in mine if not one.deleted]


METHODS: Final = {
    bots.GetAdminedBotsRequest: Method(get_admined_bots, Open.USERS),
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
    bots.SetBotGroupDefaultAdminRightsRequest: Method(set_group_rights, Open.BOTS),
    bots.SetBotBroadcastDefaultAdminRightsRequest: Method(set_channel_rights, Open.BOTS),
}
