"""Users and chats as TL objects for one viewer, with the viewer's own access hashes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from telethon.tl import TLObject, types

from .accounts import Account, Accounts
from .chats import Chat
from .rights import full_admin


class View:
    """Build the users and chats that a viewer sees; settings make them less complete, as Telegram may."""

    def __init__(self, accounts: Accounts, chats: dict[int, Chat], date: Callable[[], int]) -> None:
        self._accounts = accounts
        self._chats = chats
        self._date = date
        self._turn = 0
        #: Every n-th user that a bot sees has its language; 0: none.
        self.language_every = 1
        #: Users whom others see as `min`, with an access hash that is not valid.
        self.shown_min: set[int] = set()
        #: Users who are left out of the `users` of updates.
        self.left_out: set[int] = set()

    def user(self, viewer: Account, user: Account) -> types.User:
        """Build the TL user for a viewer."""
        if user.id in self.shown_min and user is not viewer:
            return types.User(
                user.id,
                min=True,
                bot=user.is_bot,
                access_hash=self._accounts.access_hash(viewer.id, user.id, kind=b"min"),
                first_name=user.first_name,
                last_name=user.last_name or None,
                bot_info_version=user.profile.version if user.profile is not None else None,
            )
        access_hash = self._accounts.access_hash(viewer.id, user.id)
        if user.deleted:
            return types.User(user.id, deleted=True, access_hash=access_hash)
        one = user.usernames[0] if len(user.usernames) == 1 else None
        several = user.usernames if len(user.usernames) > 1 else []
        result = types.User(
            user.id,
            access_hash=access_hash,
            first_name=user.first_name,
            last_name=user.last_name or None,
            username=one,
            usernames=[
                types.Username(name, active=True, editable=index == 0 or None)
                for index, name in enumerate(several)
            ]
            or None,
            photo=user_photo(user.photos[0]) if user.photos else None,
        )
        profile = user.profile
        if profile is not None:
            result.bot = True
            result.bot_info_version = profile.version
            result.bot_chat_history = profile.sees_all
            result.bot_nochats = not profile.joins_groups
            result.bot_inline_placeholder = profile.inline
            result.bot_inline_geo = profile.inline_geo or None
            result.bot_forum_view = profile.topics or None
        else:
            result.premium = user.premium
            result.status = status(user, self._date()) if not viewer.is_bot else types.UserStatusRecently()
            if viewer.is_bot and user.language and self.language_every:
                self._turn += 1
                if self._turn % self.language_every == 0:
                    result.lang_code = user.language
        if user is viewer:
            result.is_self = True
            result.phone = user.phone
        elif user.id in viewer.contacts:
            result.contact = True
            result.mutual_contact = viewer.id in user.contacts
            result.phone = user.phone
        return result

    def chat(self, viewer: Account, chat: Chat) -> TLObject:
        """Build the TL chat or channel for a viewer: a forbidden one if private and not the viewer's."""
        member = viewer.id in chat.members
        if not chat.channel:
            if not member:
                return types.ChatForbidden(chat.id, chat.title)
            return types.Chat(
                chat.id,
                chat.title,
                chat_photo(chat.photo),
                len(chat.members),
                chat.date,
                chat.version,
                creator=chat.creator == viewer.id,
                noforwards=chat.noforwards or None,
                deactivated=bool(chat.migrated_to),
                migrated_to=self._input_channel(viewer, chat.migrated_to) if chat.migrated_to else None,
                admin_rights=full_admin() if chat.creator == viewer.id else chat.admins.get(viewer.id),
                default_banned_rights=chat.default_rights,
            )
        access_hash = self._accounts.access_hash(viewer.id, chat.id, kind=b"channel")
        restriction = chat.restriction(viewer.id, self._date())
        banned = restriction is not None and restriction.banned
        if banned or (not member and not chat.usernames):
            return types.ChannelForbidden(
                chat.id,
                access_hash,
                chat.title,
                broadcast=not chat.megagroup,
                megagroup=chat.megagroup,
                until_date=restriction.until if restriction is not None and banned else None,
            )
        several = len(chat.usernames) > 1
        return types.Channel(
            chat.id,
            chat.title,
            chat_photo(chat.photo),
            chat.date,
            creator=chat.creator == viewer.id,
            left=not member,
            broadcast=not chat.megagroup,
            megagroup=chat.megagroup,
            forum=chat.forum or None,
            forum_tabs=(chat.forum and chat.forum_tabs) or None,
            monoforum=chat.monoforum or None,
            has_link=bool(chat.linked) or None,
            access_hash=access_hash,
            username=chat.usernames[0] if len(chat.usernames) == 1 else None,
            usernames=[types.Username(name, active=True) for name in chat.usernames] if several else None,
            admin_rights=full_admin() if chat.creator == viewer.id else chat.admins.get(viewer.id),
            banned_rights=restriction.rights if restriction is not None else None,
            default_banned_rights=chat.default_rights if chat.megagroup else None,
            slowmode_enabled=bool(chat.slow_seconds) or None,
            signatures=chat.signatures or None,
            signature_profiles=chat.signature_profiles or None,
            noforwards=chat.noforwards or None,
            join_to_send=chat.join_to_send or None,
            join_request=chat.join_request or None,
            participants_count=len(chat.members),
        )

    def _input_channel(self, viewer: Account, number: int) -> types.InputChannel:
        access_hash = self._accounts.access_hash(viewer.id, number, kind=b"channel")
        return types.InputChannel(number, access_hash)

    def beside(
        self, viewer: Account, marked: Iterable[int], *, complete: bool = False
    ) -> tuple[list[types.User], list[TLObject]]:
        """Return (users, chats) for marked ids; with `complete`, also those in `left_out`."""
        users, chats = [], []
        for number in marked:
            if number > 0:
                user = self._accounts.get(number)
                if user is not None and (complete or number not in self.left_out):
                    users.append(self.user(viewer, user))
            else:
                chat = self._chats.get(number)
                if chat is not None:
                    chats.append(self.chat(viewer, chat))
        return users, chats


def status(user: Account, now: int) -> types.TypeUserStatus:
    """Build whether a person is online, or when they were."""
    if user.online_until > now:
        return types.UserStatusOnline(user.online_until)
    return types.UserStatusOffline(user.seen_at) if user.seen_at else types.UserStatusRecently()


def chat_photo(photo: types.Photo | None) -> types.TypeChatPhoto:
    """Build what is shown of a chat's photo in its TL chat."""
    if photo is None:
        return types.ChatPhotoEmpty()
    return types.ChatPhoto(photo.id, photo.dc_id, stripped_thumb=_stripped(photo))


def user_photo(photo: types.Photo) -> types.UserProfilePhoto:
    """Build what is shown of a user's photo in its TL user."""
    return types.UserProfilePhoto(photo.id, photo.dc_id, stripped_thumb=_stripped(photo))


def _stripped(photo: types.Photo) -> bytes | None:
    return next((size.bytes for size in photo.sizes if isinstance(size, types.PhotoStrippedSize)), None)
