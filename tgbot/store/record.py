"""One user as a registry keeps them: the fields, their rules, and where the user is counted."""

from __future__ import annotations

from copy import copy

from tgbot.core.access import JOIN_REQUEST_SECONDS, Access, Evidence, Kind
from tgbot.core.users import HISTORY_LENGTH, JOIN_REQUESTS_KEPT, Change, Profile, User, UserFields, Way
from tgbot.core.verdicts import finally_judged


class UserRecord:
    """The fields of one user, changed by the rules below and by nothing else.

    Each rule gives the same result in any order of calls and any number of times.
    """

    __slots__ = ("counted", "fields", "saved", "user")

    def __init__(self, fields: UserFields, counted: Access | None = None) -> None:
        self.fields = fields
        #: What everybody but the registry sees.
        self.user = User(fields)
        #: Under which access the user is counted now, and in the counts on disk; None for not at all.
        self.counted = counted
        self.saved = counted

    @property
    def met(self) -> bool:
        """Whether more of the user is kept than the last finished message or a preference."""
        fields = self.fields
        return bool(fields.known_by or fields.evidence.spans)

    @property
    def kept(self) -> bool:
        """Whether anything is kept of the user at all."""
        fields = self.fields
        return bool(self.met or fields.last_finished_id or fields.preferences or fields.data or fields.talks)

    def see(self, profile: Profile, at: int, via: Way) -> None:
        """Store a profile; an older one than the last does not replace it, a language once known stays."""
        fields = self.fields
        if profile.language == "":
            profile = profile._replace(language=None)
        # Comparisons, and no calls of `min`: this is done for each user who comes.
        known = fields.known_by.get(via)
        if known is None or at < known:
            fields.known_by[via] = at
        if not fields.first_seen or at < fields.first_seen:
            fields.first_seen = at
        if profile.deleted:
            fields.evidence.add(Evidence(Kind.DELETED, at))
        if profile.bot:
            fields.evidence.add(Evidence(Kind.IS_BOT, at))
        if profile.language and at >= fields.language_at:
            if fields.language and fields.language != profile.language:
                self._changed(at, "language", fields.language)
            fields.language, fields.language_at = profile.language, at
        if at < fields.last_seen:
            return
        old = fields.profile
        if fields.last_seen and profile != old:
            for name in ("first_name", "last_name"):
                if getattr(profile, name) != getattr(old, name):
                    self._changed(at, name, getattr(old, name))
            if profile.usernames != old.usernames:
                self._changed(at, "usernames", " ".join(old.usernames))
        fields.profile, fields.last_seen = profile, at

    def started(self, payload: str, message_id: int) -> None:
        """Store a /start: message ids tell which is the first and which the last."""
        fields = self.fields
        if not 0 < fields.first_start_id <= message_id:
            fields.first_start_id = message_id
        if payload:
            if not fields.first_payload_id or message_id < fields.first_payload_id:
                fields.first_payload, fields.first_payload_id = payload, message_id
            if message_id > fields.last_payload_id:
                fields.last_payload, fields.last_payload_id = payload, message_id

    def join_requested(self, chat_id: int, at: int) -> None:
        """Store an open join request; of one chat the latest is kept, of all chats the latest 20."""
        requests = self.fields.join_requests
        found = {**requests, chat_id: max(at, requests.get(chat_id, 0))}
        kept = sorted(found.items(), key=lambda request: request[1])[-JOIN_REQUESTS_KEPT:]
        self.fields.join_requests = dict(kept)

    def join_request_closed(self, chat_id: int, at: int) -> bool:
        """Remove the request that was open at `at`, if there is one; return whether there was.

        A request made after `at` stays open.
        """
        requests = self.fields.join_requests
        if not self.join_request_dropped(chat_id, at):
            return False
        if not any(other + JOIN_REQUEST_SECONDS > at for other in requests.values()):
            self.fields.evidence.add(Evidence(Kind.JOIN_REQUEST_CLOSED, at))
        return True

    def join_request_dropped(self, chat_id: int, at: int) -> bool:
        """Remove the request that was open at `at`, and say nothing of its end; return whether there was."""
        asked = self.fields.join_requests.get(chat_id)
        if asked is None or asked > at:
            return False
        del self.fields.join_requests[chat_id]
        return True

    def forget(self) -> None:
        """Delete everything but a block that stands and the id of the message finished last."""
        old = self.fields
        self.fields = UserFields(old.id, Profile(old.id), last_finished_id=old.last_finished_id)
        if finally_judged(old.evidence).access is Access.BLOCKED:
            self.fields.evidence = old.evidence.refusals()
        self.user = User(self.fields)

    def merge(self, other: UserFields, *, partial: bool = False) -> bool:
        """Add what an imported record knows; return whether anything changed.

        Older knowledge replaces nothing: the later profile holds, evidence is joined, of payloads the first
        and the last stay by message id, and preferences set here stay. `partial` says that the other record
        has only one name and the usernames, so its profile is used where nothing better is known.
        """
        mine = self.fields
        if mine == other:  # nearly always, when an import is repeated
            return False
        before = copy(mine)  # what it shares with `mine` is replaced below, not changed, but the evidence
        new_user = not self.user.met
        changed = mine.evidence.merge(other.evidence)
        known = bool(mine.last_seen or mine.profile != Profile(mine.id))
        if new_user or not partial:
            mine.first_seen = _least(mine.first_seen, other.first_seen)
            times = {via: min(at, mine.known_by.get(via, at)) for via, at in other.known_by.items()}
            mine.known_by = mine.known_by | times
        if not known or (other.last_seen > mine.last_seen and not partial):
            mine.profile = other.profile
        if not partial or not known:
            mine.last_seen = max(mine.last_seen, other.last_seen)
        if other.language and (not mine.language or other.language_at > mine.language_at):
            mine.language, mine.language_at = other.language, other.language_at
        if other.first_payload and (
            not mine.first_payload or 0 < other.first_payload_id < mine.first_payload_id
        ):
            mine.first_payload, mine.first_payload_id = other.first_payload, other.first_payload_id
        if other.last_payload and (not mine.last_payload or other.last_payload_id > mine.last_payload_id):
            mine.last_payload, mine.last_payload_id = other.last_payload, other.last_payload_id
        for name in ("first_start_id", "first_message_id", "greeted_access_id"):
            setattr(mine, name, _least(getattr(mine, name), getattr(other, name)))
        mine.last_finished_id = max(mine.last_finished_id, other.last_finished_id)
        new = [change for change in other.history if change not in mine.history]
        if new:
            mine.history = sorted([*mine.history, *new], key=lambda change: change.at)[-HISTORY_LENGTH:]
        mine.preferences = mine.preferences | {
            key: value for key, value in other.preferences.items() if key not in mine.preferences
        }
        mine.data, mine.talks = other.data | mine.data, other.talks | mine.talks
        for chat_id, at in other.join_requests.items():
            if chat_id not in mine.join_requests:
                self.join_requested(chat_id, at)
        return changed or mine != before

    def _changed(self, at: int, name: str, old: str) -> None:
        self.fields.history.append(Change(at, name, old))
        del self.fields.history[:-HISTORY_LENGTH]


def _least(one: int, other: int) -> int:
    return min(one, other) if one and other else one or other
