"""The methods of the pretended Telegram: from a TL request to its answer or an RPC error."""

from __future__ import annotations

import contextlib
import logging
from typing import Final

from telethon.tl import TLRequest, functions

from .. import catalogue, older
from ..abilities import refuse_undone
from ..rpc import Caller, Later, Login, RpcError
from ..world import World
from . import (
    account,
    apps,
    auth,
    bots,
    chats,
    contacts,
    drafts,
    edits,
    forums,
    full,
    help,
    history,
    inline,
    invites,
    joining,
    media,
    members,
    messages,
    payments,
    photos,
    pins,
    polls,
    reactions,
    scheduled,
    search,
    settings,
    updates,
    users,
)
from .calls import Call, Method, Open
from .preparing import prepare

_log = logging.getLogger(__name__)

METHODS: Final[dict[type, Method]] = {
    request: method
    for namespace in (
        account,
        apps,
        auth,
        bots,
        chats,
        contacts,
        drafts,
        edits,
        forums,
        full,
        help,
        history,
        inline,
        invites,
        joining,
        media,
        members,
        messages,
        photos,
        payments,
        pins,
        polls,
        reactions,
        scheduled,
        search,
        settings,
        updates,
        users,
    )
    for request, method in namespace.METHODS.items()
}
#: Methods that hold another one as their `query`.
WRAPPERS: Final = (
    functions.InitConnectionRequest,
    functions.InvokeAfterMsgRequest,
    functions.InvokeAfterMsgsRequest,
    functions.InvokeWithLayerRequest,
    functions.InvokeWithoutUpdatesRequest,
    functions.InvokeWithMessagesRangeRequest,
    functions.InvokeWithTakeoutRequest,
    functions.InvokeWithBusinessConnectionRequest,
    # Proofs that a client is an app of Telegram's: nothing here asks for one.
    functions.InvokeWithApnsSecretRequest,
    functions.InvokeWithGooglePlayIntegrityRequest,
    functions.InvokeWithReCaptchaRequest,
)
#: Wrappers that name something which nobody can have here, and Telegram's error for a wrong name.
_INVALID: Final = {
    functions.InvokeWithBusinessConnectionRequest: "BUSINESS_CONNECTION_INVALID",
    functions.InvokeWithTakeoutRequest: "TAKEOUT_INVALID",
}
#: The modules of the methods that a data centre carries out for accounts of others.
_EVERYWHERE: Final = ("telethon.tl.functions.upload", "telethon.tl.functions.auth")
#: The modules of methods, and methods, that do not make a session one that gets updates: Telegram pushes
#: nothing into connections for files, which begin with a call for the configuration.
_QUIET_MODULES: Final = ("telethon.tl.functions.upload",)
_QUIET: Final = (functions.help.GetConfigRequest,)
#: Calls that a client can make before it has named its layer.
_BEFORE_LAYER: Final = (functions.auth.BindTempAuthKeyRequest,)


def invoke(world: World, caller: Caller, request: TLRequest) -> object:
    """Carry out a call, wrapped or not, and return its answer or a `Later`; raise RpcError.

    An authorised call sets `caller.updates`, unless it is wrapped in invokeWithoutUpdates.
    """
    world.agenda.run()
    login = caller.login
    wants_updates, request = _unwrap(world, login, request)
    wants_updates &= not _quiet(request)
    method = METHODS.get(type(request))
    if method is None:
        raise _unknown(world, request)
    if not login.layer and not isinstance(request, _BEFORE_LAYER):
        raise RpcError(400, "CONNECTION_NOT_INITED")
    if login.temporary and (method.open is not Open.ANYONE or type(request) in auth.METHODS):
        raise RpcError(401, "AUTH_KEY_PERM_EMPTY")
    call = Call(world, caller, None)
    if login.account is not None:
        try:
            call.account = world.alive(login.account, login.generation)
            call.pts = call.account.log.pts
        except RpcError:
            if method.open is not Open.ANYONE:
                raise
            login.account = None
    if method.open is not Open.ANYONE:
        me = call.me
        if me.home != login.dc_id and type(request).__module__ not in _EVERYWHERE:
            raise RpcError(303, f"USER_MIGRATE_{world.number(me.home)}")
        if method.open is Open.USERS and me.is_bot:
            raise RpcError(400, "BOT_METHOD_INVALID")
        if method.open is Open.BOTS and not me.is_bot:
            raise RpcError(400, "USER_BOT_REQUIRED")
    refuse_undone(request, bot=call.account is not None and call.account.is_bot)
    answer = older.result(login.layer, request, method.answer(call, request))
    if wants_updates and login.account is not None and not caller.updates:
        caller.updates = world.accounts[login.account].home == login.dc_id
    return answer


def introduce(world: World, caller: Caller, request: TLRequest) -> None:
    """Store the layer, api_id and language of a call that is not carried out."""
    with contextlib.suppress(RpcError):
        _unwrap(world, caller.login, request)


def _unwrap(world: World, login: Login, request: TLRequest) -> tuple[bool, TLRequest]:
    """Store what the wrappers of a call tell; return (whether it wants updates, the wrapped call)."""
    wants_updates = True
    while isinstance(request, WRAPPERS):
        if isinstance(request, functions.InvokeWithLayerRequest):
            _speak(login, request.layer)
        elif isinstance(request, functions.InitConnectionRequest):
            if request.api_id <= 0:
                raise RpcError(400, "API_ID_INVALID")
            login.api_id = request.api_id
            _speaks(world, login, request.lang_code)
        elif isinstance(request, functions.InvokeWithoutUpdatesRequest):
            wants_updates = False
        elif type(request) in _INVALID:
            raise RpcError(400, _INVALID[type(request)])
        request = request.query
    return wants_updates, request


def _speak(login: Login, layer: int) -> None:
    """Store the layer of the client. If it is not listed, log once what to do, and raise RpcError."""
    if layer in catalogue.listed():
        login.layer = layer
        return
    if layer != login.refused_layer:
        login.refused_layer = layer
        _log.warning(
            "a client speaks layer %d, which the sandbox does not know: use a release that speaks one of %s",
            layer,
            catalogue.spoken(),
        )
    raise RpcError(400, "CONNECTION_LAYER_INVALID")


def _quiet(request: TLRequest) -> bool:
    """Return whether a call leaves open whether its session gets updates."""
    return isinstance(request, _QUIET) or type(request).__module__ in _QUIET_MODULES


def _speaks(world: World, login: Login, language: str) -> None:
    """Store the language of the client; bots see it on the user if the user has changed it."""
    if login.account is not None and language and language != login.language:
        person = world.accounts[login.account]
        if not person.is_bot:
            person.language = language
    login.language = language


def _unknown(world: World, request: TLRequest) -> RpcError:
    """Return the error for a method that the sandbox does not have; log each such method once."""
    name = type(request).__name__
    if name not in world.unknown_methods:
        world.unknown_methods.add(name)
        _log.warning("the sandbox does not have the method %s", name)
    return RpcError(400, f"INPUT_METHOD_INVALID_{request.CONSTRUCTOR_ID}_0")


__all__ = ["WRAPPERS", "Caller", "Later", "Login", "RpcError", "introduce", "invoke", "prepare"]
