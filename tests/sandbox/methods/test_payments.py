"""Payments in Stars: from an invoice of a bot to the receipt, and back."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import types
from telethon.tl.functions import messages, payments

from tests.sandbox.methods.direct import Client, Clock, refused
from tgbot.sandbox.methods import Later, RpcError
from tgbot.sandbox.world import World


def invoice(price: int = 50, **options: Any) -> types.InputMediaInvoice:
    given = {"title": "Tea", "description": "A cup", "payload": b"tea-1", "currency": "XTR"} | options
    prices = [types.LabeledPrice("Tea", price)] * given.pop("parts", 1)
    bill = types.Invoice(given.pop("currency"), prices)
    return types.InputMediaInvoice(invoice=bill, provider_data=types.DataJSON("{}"), **given)


@pytest.fixture
def asked(world: World) -> list[Any]:
    """The questions that bots get before payments."""
    found: list[Any] = []

    def note(account: int, entry: Any) -> None:
        if isinstance(entry.update, types.UpdateBotPrecheckoutQuery):
            found.append(entry.update)

    world.subscribe(lambda _: None, note)
    return found


def sell(bot: Client, ann: Client, media: types.InputMediaInvoice) -> Any:
    answer = bot(messages.SendMediaRequest(bot.peer(ann), media, ""))
    return next(update.message for update in answer.updates if hasattr(update, "message"))


def pay(ann: Client, named: Any) -> list[Any]:
    """Pay an invoice; return where the outcome appears."""
    form = ann(payments.GetPaymentFormRequest(named))
    later = ann(payments.SendStarsFormRequest(form.form_id, named))
    assert isinstance(later, Later)
    outcome: list[Any] = []
    later.then(outcome.append)
    return outcome


def approve(bot: Client, question: Any, **options: Any) -> Any:
    return bot(messages.SetBotPrecheckoutResultsRequest(question.query_id, **options))


def stars(client: Client) -> int:
    answer = client(payments.GetStarsStatusRequest(types.InputPeerSelf()))
    return int(answer.balance.amount)


def test_a_payment_is_checked_by_the_bot_shown_to_both_and_given_back(
    ann: Client, bot: Client, asked: list[Any]
) -> None:
    ann.send(bot)
    sent = sell(bot, ann, invoice())
    assert isinstance(sent.reply_markup.rows[0].buttons[0].type, types.InlineButtonTypeBuy)
    seen = ann.difference().new_messages[-1]
    assert (seen.media.currency, seen.media.total_amount, seen.media.receipt_msg_id) == ("XTR", 50, None)
    named = types.InputInvoiceMessage(ann.peer(bot), seen.id)
    before, qts = stars(ann), bot.difference().state
    outcome = pay(ann, named)
    [question] = asked
    assert (question.user_id, question.payload, question.total_amount) == (ann.id, b"tea-1", 50)
    assert not outcome
    approve(bot, question, success=True)
    [result] = outcome
    assert result.updates.updates[0].balance.amount == before - 50
    assert (stars(ann), stars(bot)) == (before - 50, 50)
    mine, theirs = ann.difference().new_messages[-1].action, bot.difference(qts.pts).new_messages[-1].action
    assert isinstance(mine, types.MessageActionPaymentSent)
    assert (theirs.payload, theirs.total_amount) == (b"tea-1", 50)
    edited = [one.message for one in ann.difference().other_updates if hasattr(one, "message")]
    assert edited[-1].media.receipt_msg_id == ann.difference().new_messages[-1].id
    with refused("INVOICE_ALREADY_PAID"):
        ann(payments.GetPaymentFormRequest(named))
    bot(payments.RefundStarsChargeRequest(bot.user(ann), theirs.charge.id))
    assert (stars(ann), stars(bot)) == (before, 0)
    assert isinstance(ann.difference().new_messages[-1].action, types.MessageActionPaymentRefunded)
    with refused("CHARGE_ALREADY_REFUNDED"):
        bot(payments.RefundStarsChargeRequest(bot.user(ann), theirs.charge.id))
    ask = payments.GetStarsTransactionsRequest(types.InputPeerSelf(), "", 1)
    first = bot(ask)
    assert [(each.amount.amount, each.refund) for each in first.history] == [(-50, True)]
    ask.offset = first.next_offset
    assert [(each.amount.amount, each.bot_payload) for each in bot(ask).history] == [(50, b"tea-1")]
    ask.offset, ask.inbound, ask.limit = "", True, 100
    assert [each.amount.amount for each in ann(ask).history] == [50]


def test_a_bot_may_refuse_or_not_answer(
    ann: Client, bot: Client, asked: list[Any], clock: Clock, new_bot: Any
) -> None:
    ann.send(bot)
    sell(bot, ann, invoice())
    named = types.InputInvoiceMessage(ann.peer(bot), 2)
    refusal = pay(ann, named)
    with refused("ERROR_TEXT_EMPTY"):
        approve(bot, asked[0])
    with refused("QUERY_ID_INVALID"):
        approve(new_bot("other_bot"), asked[0], success=True)
    approve(bot, asked[0], error="Sold out")
    assert [(each.code, each.name) for each in refusal] == [(406, "BOT_PRECHECKOUT_FAILED")]
    form = ann(payments.GetPaymentFormRequest(named))
    later = ann(payments.SendStarsFormRequest(form.form_id, named))
    nothing: list[Any] = []
    later.then(nothing.append)
    clock.time += 11
    with refused("QUERY_ID_INVALID"):
        approve(bot, asked[1], success=True)
    later.expire()
    assert isinstance(nothing[0], RpcError)
    assert nothing[0].name == "BOT_PRECHECKOUT_TIMEOUT"
    with refused("FORM_EXPIRED"):
        ann(payments.SendStarsFormRequest(form.form_id, named))
    assert stars(bot) == 0


def test_a_link_to_an_invoice_is_paid_by_who_follows_it(
    ann: Client, bot: Client, asked: list[Any], new_person: Any
) -> None:
    bea = new_person("Bea")
    url = bot(payments.ExportInvoiceRequest(invoice(5))).url
    named = types.InputInvoiceSlug(url.removeprefix("https://t.me/$"))
    for one in (ann, bea):
        one.send(bot)
        outcome = pay(one, named)
        approve(bot, asked.pop(), success=True)
        assert isinstance(outcome[0], types.payments.PaymentResult)
    assert stars(bot) == 10
    with refused("SLUG_INVALID"):
        ann(payments.GetPaymentFormRequest(types.InputInvoiceSlug("x")))


def test_who_has_too_few_stars_cannot_pay(
    world: World, ann: Client, bot: Client, asked: list[Any], new_person: Any
) -> None:
    ann.send(bot)
    sell(bot, ann, invoice(1001))
    named = types.InputInvoiceMessage(ann.peer(bot), 2)
    with refused("BALANCE_TOO_LOW"):
        pay(ann, named)
    world.payments.give(world.accounts[ann.id], 1)
    pay(ann, named)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("media", "error"),
    [
        (invoice(0), "STARS_INVOICE_INVALID"),
        (invoice(-5), "STARS_INVOICE_INVALID"),
        (invoice(100_001), "STARS_INVOICE_INVALID"),
        (invoice(parts=2), "STARS_INVOICE_INVALID"),
        (invoice(parts=0), "STARS_INVOICE_INVALID"),
        (invoice(payload=b""), "INVOICE_PAYLOAD_INVALID"),
        (invoice(payload=b"x" * 129), "INVOICE_PAYLOAD_INVALID"),
        (invoice(title=""), "MEDIA_INVALID"),
        (invoice(description="x" * 256), "MEDIA_INVALID"),
        (invoice(provider="bank"), "PAYMENT_PROVIDER_INVALID"),
    ],
)
def test_an_invoice_that_telegram_does_not_take_is_refused(
    ann: Client, bot: Client, media: types.InputMediaInvoice, error: str
) -> None:
    ann.send(bot)
    with refused(error):
        sell(bot, ann, media)
    with refused("MESSAGES_SENDMEDIA_CURRENCY_NOT_IMPLEMENTED", 501):
        sell(bot, ann, invoice(currency="EUR"))
    with refused("USER_BOT_REQUIRED"):
        sell(ann, bot, invoice())
    with refused("MESSAGE_ID_INVALID"):
        ann(payments.GetPaymentFormRequest(types.InputInvoiceMessage(ann.peer(bot), 1)))
    with refused("CHARGE_ID_INVALID"):
        bot(payments.RefundStarsChargeRequest(bot.user(ann), "x"))
