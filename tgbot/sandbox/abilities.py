"""What the sandbox carries out of a request. All else that is set is refused by its name, never dropped."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any, Final, Union, get_origin

from telethon.tl import TLObject, TLRequest, types
from telethon.tl.functions import (
    account,
    auth,
    bots,
    channels,
    contacts,
    messages,
    payments,
    photos,
    updates,
    upload,
)

from .rpc import RpcError
from .searching import FILTERS
from .signatures import arguments, method_name


def _fields(names: str = "") -> frozenset[str]:
    return frozenset(names.split())


#: Hints that change nothing in the message: there are no previews and no recent stickers. What is paid for is
#: counted (`Limits`), and `clear_draft` clears the draft of the dialog.
HINTS: Final = _fields("background clear_draft update_stickersets_order allow_paid_floodskip no_webpage")
_SEND: Final = HINTS | _fields("silent noforwards invert_media reply_to send_as schedule_date effect")
#: Method or constructor → its optional fields that are carried out; what is required always is.
DONE: Final[dict[type, frozenset[str]]] = {
    messages.SendMessageRequest: _SEND | _fields("reply_markup entities"),
    messages.SendMediaRequest: _SEND | _fields("reply_markup entities"),
    messages.SendMultiMediaRequest: _SEND,
    messages.ForwardMessagesRequest: HINTS
    | _fields(
        "silent noforwards drop_author drop_media_captions reply_to top_msg_id send_as schedule_date effect"
    ),
    messages.EditMessageRequest: HINTS
    | _fields("invert_media message media reply_markup entities schedule_date"),
    messages.SetTypingRequest: _fields("top_msg_id"),
    messages.DeleteMessagesRequest: _fields("revoke"),
    messages.DeleteHistoryRequest: _fields("revoke"),
    messages.GetBotCallbackAnswerRequest: _fields("data"),
    messages.SetInlineBotResultsRequest: _fields("gallery private next_offset switch_pm"),
    messages.SendInlineBotResultRequest: _fields("background clear_draft silent reply_to send_as"),
    messages.GetInlineBotResultsRequest: _fields("geo_point"),
    messages.EditInlineBotMessageRequest: _fields(
        "no_webpage invert_media message media reply_markup entities"
    ),
    messages.UpdatePinnedMessageRequest: _fields("silent unpin pm_oneside"),
    messages.UnpinAllMessagesRequest: _fields("top_msg_id"),
    types.InputBotInlineResult: _fields("title description url thumb content"),
    types.InputBotInlineResultPhoto: _fields(),
    types.InputBotInlineResultDocument: _fields("title description"),
    types.InputBotInlineMessageText: _fields("no_webpage invert_media entities reply_markup"),
    types.InputBotInlineMessageMediaAuto: _fields("invert_media entities reply_markup"),
    types.InputBotInlineMessageMediaGeo: _fields("heading period proximity_notification_radius reply_markup"),
    types.InputBotInlineMessageMediaVenue: _fields("reply_markup"),
    types.InputBotInlineMessageMediaContact: _fields("reply_markup"),
    messages.GetPollVotesRequest: _fields("option offset"),
    # There are no lists of recent reactions.
    messages.SendReactionRequest: _fields("big add_to_recent reaction"),
    messages.GetMessageReactionsListRequest: _fields("reaction offset"),
    # Who sends it is its creator, whatever the flag says.
    types.Poll: _fields(
        "closed public_voters multiple_choice quiz revoting_disabled shuffle_answers hide_results_until_close"
        " creator close_period close_date"
    ),
    types.PollAnswer: _fields(),
    types.InputPollAnswer: _fields(),
    types.InputMediaPoll: _fields("correct_answers solution solution_entities"),
    messages.SetBotCallbackAnswerRequest: _fields("alert message url"),
    messages.GetHistoryRequest: _fields("offset_date"),
    messages.GetDialogsRequest: _fields("offset_date exclude_pinned folder_id"),
    messages.ExportChatInviteRequest: _fields(
        "legacy_revoke_permanent request_needed expire_date usage_limit title"
    ),
    messages.EditExportedChatInviteRequest: _fields("revoked expire_date usage_limit request_needed title"),
    messages.GetExportedChatInvitesRequest: _fields("revoked offset_date offset_link"),
    messages.HideChatJoinRequestRequest: _fields("approved"),
    messages.HideAllChatJoinRequestsRequest: _fields("approved link"),
    messages.GetChatInviteImportersRequest: _fields("requested link q offset_date"),
    messages.CreateForumTopicRequest: _fields("title_missing icon_color icon_emoji_id"),
    messages.EditForumTopicRequest: _fields("title icon_emoji_id closed hidden"),
    messages.GetForumTopicsRequest: _fields("q offset_date"),
    channels.ToggleJoinRequestRequest: _fields("guard_bot"),
    channels.CreateChannelRequest: _fields("broadcast megagroup forum"),
    channels.EditAdminRequest: _fields("rank"),
    messages.DeleteChatUserRequest: _fields("revoke_history"),
    channels.ToggleSignaturesRequest: _fields("signatures_enabled profiles_enabled"),
    types.InputChatUploadedPhoto: _fields("file"),
    types.InputChatPhoto: _fields(),
    types.InputChatPhotoEmpty: _fields(),
    contacts.SearchRequest: _fields("broadcasts bots"),
    contacts.AddContactRequest: _fields("add_phone_privacy_exception"),
    bots.SetBotInfoRequest: _fields("bot name about description"),
    bots.GetBotInfoRequest: _fields("bot"),
    photos.UploadProfilePhotoRequest: _fields("bot file"),
    photos.UpdateProfilePhotoRequest: _fields("bot"),
    account.UpdateProfileRequest: _fields("first_name last_name about"),
    account.RegisterDeviceRequest: _fields("no_muted"),
    auth.ResendCodeRequest: _fields("reason"),
    auth.SignInRequest: _fields("phone_code"),
    auth.SignUpRequest: _fields("no_joined_notifications"),
    auth.BindTempAuthKeyRequest: _fields("expires_at"),
    updates.GetDifferenceRequest: _fields("date pts_limit pts_total_limit qts_limit"),
    updates.GetChannelDifferenceRequest: _fields("force"),
    upload.GetFileRequest: _fields("precise cdn_supported"),
    types.InputSingleMedia: _fields("entities"),
    types.InputReplyToMessage: _fields("top_msg_id quote_text quote_entities quote_offset"),
    messages.SaveDraftRequest: _fields("no_webpage invert_media reply_to entities"),
    types.InputMediaEmpty: _fields(),
    types.InputMediaContact: _fields(),
    types.InputMediaDice: _fields(),
    types.InputMediaGeoPoint: _fields(),
    types.InputMediaVenue: _fields(),
    types.InputMediaInvoice: _fields("photo provider start_param"),
    types.Invoice: _fields(),
    payments.GetPaymentFormRequest: _fields("theme_params"),
    messages.SetBotPrecheckoutResultsRequest: _fields("success error"),
    payments.GetStarsTransactionsRequest: _fields("inbound outbound ascending"),
    types.InputMediaGeoLive: _fields("stopped heading period proximity_notification_radius"),
    types.InputMediaPhoto: _fields("spoiler"),
    types.InputMediaDocument: _fields("spoiler"),
    types.InputMediaUploadedPhoto: _fields("spoiler"),
    types.InputMediaPhotoExternal: _fields("spoiler"),
    types.InputMediaDocumentExternal: _fields("spoiler"),
    # Nothing is converted here, so a file always stays what it is.
    types.InputMediaUploadedDocument: _fields("spoiler force_file nosound_video thumb"),
    types.InputFile: _fields(),
    types.InputFileBig: _fields(),
    messages.SearchRequest: _fields("from_id top_msg_id min_date max_date"),
    messages.SearchGlobalRequest: _fields("broadcasts_only groups_only users_only min_date max_date"),
    messages.GetSearchCountersRequest: _fields("top_msg_id"),
    types.InputMessagesFilterMyMentions: _fields(),
    **dict.fromkeys(FILTERS, _fields()),
}
#: Types of which the sandbox has no other constructors than those above.
FAMILIES: Final = frozenset(
    known.SUBCLASS_OF_ID
    for known in (
        types.InputMediaEmpty,
        types.InputReplyToMessage,
        types.InputFile,
        types.InputMessagesFilterEmpty,
        types.InputBotInlineResult,
        types.InputBotInlineMessageText,
        types.InputChatPhotoEmpty,
    )
)


def refuse_undone(request: TLRequest, *, bot: bool = False) -> None:
    """Raise 501 with the names of the method and of the first field that the sandbox cannot carry out.

    Telegram itself refuses a schedule of a bot, with a name of its own.
    """
    if bot and _is_set(getattr(request, "schedule_date", None)):
        raise RpcError(400, "SCHEDULE_BOT_NOT_ALLOWED")
    for name in undone(request):
        method = method_name(type(request)).replace(".", "_")
        raise RpcError(501, f"{method}_{name}_NOT_IMPLEMENTED".upper())


def undone(value: TLObject) -> Iterator[str]:
    """Yield the names of what is set in a request and not carried out: fields, and constructors of media."""
    kind: Any = type(value)
    if kind not in DONE and kind.SUBCLASS_OF_ID in FAMILIES:
        yield kind.__name__
        return
    for name in _refused(kind):
        if _is_set(getattr(value, name)):
            yield name
    for part in vars(value).values():
        if isinstance(part, TLObject):
            yield from _undone_in(part)
        elif isinstance(part, list):
            for each in part:
                yield from _undone_in(each)


def _is_set(given: object) -> bool:
    """Return whether a field is set; Telethon reads the date 0 as one."""
    return bool(given.timestamp() if isinstance(given, datetime) else given)


def _undone_in(part: object) -> Iterator[str]:
    if type(part) in DONE or getattr(part, "SUBCLASS_OF_ID", None) in FAMILIES:
        yield from undone(part)


@cache
def _refused(kind: Any) -> list[str]:
    """Return the names of the optional fields of a TL class that are not carried out."""
    return [name for name in optional(kind) if name not in DONE.get(kind, ())]


@cache
def optional(kind: Any) -> list[str]:
    """Return the names of the optional fields of a TL class; Telethon takes a date for optional, too."""
    return [name for name, annotation in arguments(kind).items() if get_origin(annotation) is Union]
