"""What apps ask for at their start, of which the sandbox has nothing: empty lists, and settings that stay."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, TLRequest, types
from telethon.tl.functions import account, aicompose, contacts, help, messages

from ..rpc import RpcError
from .calls import Call, Method, Open

#: Seconds until an app asks again for new terms of service.
_TERMS_SECONDS: Final = 24 * 60 * 60


def no_new_terms(call: Call, request: help.GetTermsOfServiceUpdateRequest) -> TLObject:
    return types.help.TermsOfServiceUpdateEmpty(call.world.date() + _TERMS_SECONDS)


def no_sticker_set(call: Call, request: messages.GetStickerSetRequest) -> TLObject:
    raise RpcError(406, "STICKERSET_INVALID")


def folders(call: Call, request: messages.GetDialogFiltersRequest) -> TLObject:
    return types.messages.DialogFilters([types.DialogFilterDefault()])  # "All chats", which is always there


def reaction_settings(call: Call, request: account.GetReactionsNotifySettingsRequest) -> TLObject:
    everyone = types.ReactionNotificationsFromAll()
    return types.ReactionsNotifySettings(
        types.NotificationSoundDefault(), True, messages_notify_from=everyone, stories_notify_from=everyone
    )


def web_settings(call: Call, request: account.GetWebBrowserSettingsRequest) -> TLObject:
    return types.account.WebBrowserSettings([], [], 0)


def content_settings(call: Call, request: account.GetContentSettingsRequest) -> TLObject:
    return types.account.ContentSettings()


def _nothing(answer: TLObject) -> Method:
    """Return a method of users with this answer, which holds an empty list."""

    def empty(call: Call, request: TLRequest) -> TLObject:
        return answer

    return Method(empty, Open.USERS)


METHODS: Final = {
    account.GetChatThemesRequest: _nothing(types.account.Themes(0, [])),
    account.GetContentSettingsRequest: Method(content_settings, Open.USERS),
    account.GetDefaultEmojiStatusesRequest: _nothing(types.account.EmojiStatuses(0, [])),
    account.GetReactionsNotifySettingsRequest: Method(reaction_settings, Open.USERS),
    account.GetSavedMusicIdsRequest: _nothing(types.account.SavedMusicIds([])),
    account.GetWebBrowserSettingsRequest: Method(web_settings, Open.USERS),
    aicompose.GetTonesRequest: _nothing(types.aicompose.Tones(0, [], [])),
    contacts.GetTopPeersRequest: _nothing(types.contacts.TopPeers([], [], [])),
    help.GetPeerColorsRequest: _nothing(types.help.PeerColors(0, [])),
    help.GetPeerProfileColorsRequest: _nothing(types.help.PeerColors(0, [])),
    help.GetTermsOfServiceUpdateRequest: Method(no_new_terms, Open.USERS),
    messages.GetAttachMenuBotsRequest: _nothing(types.AttachMenuBots(0, [], [])),
    messages.GetAvailableEffectsRequest: _nothing(types.messages.AvailableEffects(0, [], [])),
    messages.GetDialogFiltersRequest: Method(folders, Open.USERS),
    messages.GetEmojiGroupsRequest: _nothing(types.messages.EmojiGroups(0, [])),
    messages.GetStickerSetRequest: Method(no_sticker_set),
    messages.GetStickersRequest: _nothing(types.messages.Stickers(0, [])),
}
