"""payments.* and messages.* about payments in Stars. Other currencies need a provider and are refused."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import messages, payments

from ..payments import STARS, Bill, amount
from ..rpc import Later, RpcError
from .calls import Call, Method, Open
from .polls import offset_of

_TITLE: Final = 32
_DESCRIPTION: Final = 255
_PAYLOAD_BYTES: Final = 128
_MOST: Final = 100_000
_PAGE: Final = 100


def new_bill(call: Call, given: types.InputMediaInvoice) -> Bill:
    """Return the invoice of an InputMedia; raise Telegram's error for what an invoice cannot be."""
    if not call.me.is_bot:
        raise RpcError(400, "USER_BOT_REQUIRED")
    if given.invoice.currency != STARS:
        raise RpcError(501, "MESSAGES_SENDMEDIA_CURRENCY_NOT_IMPLEMENTED")
    if not 0 < len(given.title) <= _TITLE or not 0 < len(given.description) <= _DESCRIPTION:
        raise RpcError(400, "MEDIA_INVALID")
    if not 0 < len(given.payload) <= _PAYLOAD_BYTES:
        raise RpcError(400, "INVOICE_PAYLOAD_INVALID")
    if given.provider:
        raise RpcError(400, "PAYMENT_PROVIDER_INVALID")
    if len(given.invoice.prices) != 1 or not 0 < given.invoice.prices[0].amount <= _MOST:
        raise RpcError(400, "STARS_INVOICE_INVALID")
    photo = given.photo
    shown = photo and types.WebDocumentNoProxy(photo.url, photo.size, photo.mime_type, photo.attributes)
    return Bill(
        call.me.id,
        given.title,
        given.description,
        given.payload,
        given.invoice,
        given.start_param or "",
        shown,
    )


def pay_button(bill: Bill) -> types.ReplyInlineMarkup:
    """Return the keyboard of an invoice that was sent without one."""
    button = types.KeyboardInlineButton(f"Pay ⭐{bill.total}", types.InlineButtonTypeBuy())
    return types.ReplyInlineMarkup([types.KeyboardInlineButtonRow([button])])


def export_invoice(call: Call, request: payments.ExportInvoiceRequest) -> TLObject:
    if not isinstance(request.invoice_media, types.InputMediaInvoice):
        raise RpcError(400, "MEDIA_INVALID")
    slug = call.world.payments.link(new_bill(call, request.invoice_media))
    return types.payments.ExportedInvoice(f"https://t.me/${slug}")


def _bill(call: Call, given: TLObject) -> Bill:
    """Return the invoice that a request names by its message or its link."""
    if isinstance(given, types.InputInvoiceSlug):
        return call.world.payments.by_slug(given.slug)
    if not isinstance(given, types.InputInvoiceMessage):
        raise RpcError(501, f"PAYMENTS_{type(given).__name__}_NOT_IMPLEMENTED".upper())
    peer = call.peer(given.peer)
    copy = call.box(peer).get(given.msg_id)
    if copy is None or copy.peer != peer.marked or not isinstance(copy.post.media, Bill):
        raise RpcError(400, "MESSAGE_ID_INVALID")
    return copy.post.media


def get_form(call: Call, request: payments.GetPaymentFormRequest) -> TLObject:
    bill = _bill(call, request.invoice)
    users, _ = call.world.view.beside(call.me, [bill.bot], complete=True)
    form = call.world.payments.form(call.me, bill)
    about = (bill.title, bill.description, bill.invoice)
    return types.payments.PaymentFormStars(form, bill.bot, *about, users, photo=bill.photo)


def send_form(call: Call, request: payments.SendStarsFormRequest) -> Later:
    return call.world.payments.pay(call.me, request.form_id, _bill(call, request.invoice))


def set_precheckout_results(call: Call, request: messages.SetBotPrecheckoutResultsRequest) -> bool:
    if not request.success and not request.error:
        raise RpcError(400, "ERROR_TEXT_EMPTY")
    call.world.payments.answer(call.me, request.query_id, success=bool(request.success))
    return True


def refund(call: Call, request: payments.RefundStarsChargeRequest) -> TLObject:
    call.world.payments.refund(call.me, call.user(request.user_id), request.charge_id)
    return call.happened()


def _own(call: Call, given: TLObject) -> None:
    if call.peer(given) is not call.me:
        raise RpcError(403, "CHAT_ADMIN_REQUIRED")


def get_status(call: Call, request: payments.GetStarsStatusRequest) -> TLObject:
    _own(call, request.peer)
    return types.payments.StarsStatus(amount(call.world.payments.balance(call.me)), [], [])


def get_transactions(call: Call, request: payments.GetStarsTransactionsRequest) -> TLObject:
    _own(call, request.peer)
    me, found = call.me, []
    for charge in call.world.payments.charges(me):
        sign = 1 if charge.bill.bot == me.id else -1
        other = types.StarsTransactionPeer(types.PeerUser(charge.user if sign > 0 else charge.bill.bot))
        about = {"title": charge.bill.title, "description": charge.bill.description}
        payload = charge.bill.payload if sign > 0 else None
        if charge.refunded:
            back = amount(-sign * charge.bill.total)
            found.append(types.StarsTransaction(charge.id, back, charge.date, other, refund=True, **about))
        paid = amount(sign * charge.bill.total)
        found.append(
            types.StarsTransaction(charge.id, paid, charge.date, other, bot_payload=payload, **about)
        )
    if request.inbound or request.outbound:
        found = [each for each in found if (each.amount.amount > 0) == bool(request.inbound)]
    if request.ascending:
        found.reverse()
    start = offset_of(request.offset)
    page = found[start : start + min(max(request.limit, 1), _PAGE)]
    end = start + len(page)
    users, _ = call.world.view.beside(call.me, {each.peer.peer.user_id: None for each in page}, complete=True)
    balance = amount(call.world.payments.balance(me))
    following = str(end) if end < len(found) else None
    return types.payments.StarsStatus(balance, [], users, history=page or None, next_offset=following)


METHODS: Final = {
    payments.ExportInvoiceRequest: Method(export_invoice, Open.BOTS),
    payments.GetPaymentFormRequest: Method(get_form, Open.USERS),
    payments.SendStarsFormRequest: Method(send_form, Open.USERS),
    messages.SetBotPrecheckoutResultsRequest: Method(set_precheckout_results, Open.BOTS),
    payments.RefundStarsChargeRequest: Method(refund, Open.BOTS),
    payments.GetStarsStatusRequest: Method(get_status),
    payments.GetStarsTransactionsRequest: Method(get_transactions),
}
