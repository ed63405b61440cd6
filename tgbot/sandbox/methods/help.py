"""help.* and langpack.*: configuration that clients request first."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import help, langpack

from .calls import Call, Method, Open, yes

_HOUR: Final = 3600


def get_config(call: Call, request: help.GetConfigRequest) -> TLObject:
    world = call.world
    here = world.number(call.login.dc_id)
    date = world.date()
    options = [
        types.DcOption(dc_id, host, port, ipv6=":" in host or None, static=True)
        for dc_id, (host, port) in {world.dc_id: world.address, **world.dcs}.items()
    ]
    return types.Config(
        date=date,
        expires=date + _HOUR,
        test_mode=False,
        this_dc=here,
        dc_options=options,
        dc_txt_domain_name="apv3.stel.com",
        chat_size_max=200,
        megagroup_size_max=200_000,
        forwarded_count_max=100,
        online_update_period_ms=210_000,
        offline_blur_timeout_ms=5_000,
        offline_idle_timeout_ms=30_000,
        online_cloud_timeout_ms=300_000,
        notify_cloud_delay_ms=30_000,
        notify_default_delay_ms=1_500,
        push_chat_period_ms=60_000,
        push_chat_limit=2,
        edit_time_limit=172_800,
        revoke_time_limit=2_147_483_647,
        revoke_pm_time_limit=2_147_483_647,
        rating_e_decay=2_419_200,
        stickers_recent_limit=200,
        channels_read_media_period=604_800,
        call_receive_timeout_ms=20_000,
        call_ring_timeout_ms=90_000,
        call_connect_timeout_ms=30_000,
        call_packet_timeout_ms=10_000,
        me_url_prefix="https://t.me/",
        caption_length_max=1024,
        message_length_max=4096,
        webfile_dc_id=here,
        revoke_pm_inbox=True,
    )


def get_nearest_dc(call: Call, request: help.GetNearestDcRequest) -> TLObject:
    return types.NearestDc("DE", call.world.number(call.login.dc_id), call.world.dc_id)


def get_app_config(call: Call, request: help.GetAppConfigRequest) -> TLObject:
    if request.hash == 1:
        return types.help.AppConfigNotModified()
    return types.help.AppConfig(1, types.JsonObject([]))


def get_lang_pack(
    call: Call, request: langpack.GetLangPackRequest | langpack.GetDifferenceRequest
) -> TLObject:
    return types.LangPackDifference(request.lang_code, 0, 1, [])


def get_countries(call: Call, request: help.GetCountriesListRequest) -> TLObject:
    germany = types.help.Country("DE", "Germany", [types.help.CountryCode("49")])
    return types.help.CountriesList([germany], 1)


def get_promo(call: Call, request: help.GetPromoDataRequest) -> TLObject:
    return types.help.PromoDataEmpty(call.world.date() + _HOUR)


METHODS: Final = {
    help.GetConfigRequest: Method(get_config, Open.ANYONE),
    help.GetNearestDcRequest: Method(get_nearest_dc, Open.ANYONE),
    help.GetAppConfigRequest: Method(get_app_config, Open.ANYONE),
    help.GetCountriesListRequest: Method(get_countries, Open.ANYONE),
    help.GetPromoDataRequest: Method(get_promo, Open.USERS),
    help.GetInviteTextRequest: Method(
        lambda call, request: types.help.InviteText("Join me here."), Open.USERS
    ),
    help.SaveAppLogRequest: Method(yes, Open.ANYONE),
    help.SetBotUpdatesStatusRequest: Method(yes, Open.BOTS),
    langpack.GetLangPackRequest: Method(get_lang_pack, Open.ANYONE),
    langpack.GetDifferenceRequest: Method(get_lang_pack, Open.ANYONE),
    langpack.GetStringsRequest: Method(lambda call, request: [], Open.ANYONE),
    langpack.GetLanguagesRequest: Method(lambda call, request: [], Open.ANYONE),
}
