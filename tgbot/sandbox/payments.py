"""Payments in Stars: invoices, the question to the bot before a payment, charges and refunds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final

from telethon.tl import TLObject, types

from .accounts import Account, Accounts
from .dialogs import PerViewer, Post
from .feeds import Feeds
from .posts import Posts
from .rpc import Later, RpcError

STARS: Final = "XTR"
#: How many Stars a person has at first.
_AT_FIRST: Final = 1000
#: Seconds in which a bot has to answer before a payment.
_ANSWER_SECONDS: Final = 10.0


@dataclass(slots=True, eq=False)
class Bill(PerViewer):
    """An invoice of a bot in Stars; who has paid it sees the receipt."""

    bot: int
    title: str
    description: str
    payload: bytes = field(repr=False)
    invoice: types.Invoice
    start_param: str = ""
    photo: TLObject | None = None
    #: Account → the id of the service message that says so.
    paid: dict[int, int] = field(default_factory=dict)
    posts: list[Post] = field(default_factory=list, repr=False)

    @property
    def total(self) -> int:
        """The price, in Stars."""
        return sum(price.amount for price in self.invoice.prices)

    def shown(self, viewer: int) -> types.MessageMediaInvoice:
        """Build the media of a message for one viewer."""
        return types.MessageMediaInvoice(
            self.title,
            self.description,
            self.invoice.currency,
            self.total,
            self.start_param,
            photo=self.photo,
            receipt_msg_id=self.paid.get(viewer),
        )

    def named(self) -> Iterator[int]:
        """Yield the bot, whose invoice it is also in a forward."""
        yield self.bot


@dataclass(slots=True, eq=False)
class Charge(PerViewer):
    """A payment of a person to a bot: the action of a service message that shows more of it to the bot."""

    id: str
    user: int
    bill: Bill
    date: int
    refunded: bool = False
    posts: list[Post] = field(default_factory=list, repr=False)

    def shown(self, viewer: int) -> TLObject:
        """Build the action for the person or for the bot."""
        paid = (self.bill.invoice.currency, self.bill.total)
        if viewer != self.bill.bot:
            return types.MessageActionPaymentSent(*paid)
        return types.MessageActionPaymentSentMe(*paid, self.bill.payload, self.receipt)

    def named(self) -> Iterator[int]:
        """Yield both sides."""
        yield from (self.user, self.bill.bot)

    @property
    def receipt(self) -> types.PaymentCharge:
        """The TL form of the charge."""
        return types.PaymentCharge(self.id, self.id)


@dataclass(slots=True)
class _Question:
    user: int
    bill: Bill
    later: Later


class Payments:
    """Balances in Stars, and the payments of people to bots; questions to bots end with the process."""

    def __init__(
        self,
        accounts: Accounts,
        feeds: Feeds,
        posts: Posts,
        random: Random,
        now: Callable[[], float],
    ) -> None:
        self._accounts = accounts
        self._feeds = feeds
        self._posts = posts
        self._random = random
        self._now = now
        self._balances: dict[int, int] = {}
        self._forms: dict[int, tuple[int, Bill]] = {}
        self._slugs: dict[str, Bill] = {}
        self._questions: dict[int, _Question] = {}
        self._charges: dict[str, Charge] = {}

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_questions": {}}

    def balance(self, account: Account) -> int:
        """Return how many Stars an account has."""
        return self._balances.get(account.id, 0 if account.is_bot else _AT_FIRST)

    def give(self, account: Account, stars: int) -> None:
        """Add Stars to a balance, or take them away, and tell the account."""
        self._balances[account.id] = self.balance(account) + stars
        self._feeds.hand(account.id, types.UpdateStarsBalance(amount(self._balances[account.id])))

    def link(self, bill: Bill) -> str:
        """Return the slug of a link to an invoice."""
        slug = f"{self._random.getrandbits(96):024x}"
        self._slugs[slug] = bill
        return slug

    def by_slug(self, slug: str) -> Bill:
        """Return the invoice of a link; raise SLUG_INVALID."""
        bill = self._slugs.get(slug)
        if bill is None:
            raise RpcError(400, "SLUG_INVALID")
        return bill

    def form(self, user: Account, bill: Bill) -> int:
        """Return the number of a new payment form; raise INVOICE_ALREADY_PAID."""
        if user.id in bill.paid:
            raise RpcError(400, "INVOICE_ALREADY_PAID")
        number = self._random.getrandbits(62) or 1
        self._forms[number] = user.id, bill
        return number

    def pay(self, user: Account, form: int, bill: Bill) -> Later:
        """Ask the bot whether the payment is right; return the future outcome, a PaymentResult."""
        if self._forms.pop(form, None) != (user.id, bill):
            raise RpcError(400, "FORM_EXPIRED")
        if user.id in bill.paid:
            raise RpcError(400, "INVOICE_ALREADY_PAID")
        if self.balance(user) < bill.total:
            raise RpcError(400, "BALANCE_TOO_LOW")
        number = self._random.getrandbits(62)
        later = Later(self._now() + _ANSWER_SECONDS, "BOT_PRECHECKOUT_TIMEOUT")
        self._questions[number] = _Question(user.id, bill, later)

        def over(_: object) -> None:
            self._questions.pop(number, None)

        later.then(over)
        update = types.UpdateBotPrecheckoutQuery(
            number, user.id, bill.payload, bill.invoice.currency, bill.total
        )
        self._feeds.hand(bill.bot, update)
        return later

    def answer(self, bot: Account, number: int, *, success: bool) -> None:
        """Carry out a bot's answer; raise QUERY_ID_INVALID if nobody waits for it."""
        question = self._questions.get(number)
        late = question is not None and self._now() > question.later.expires
        if question is None or question.bill.bot != bot.id or late:
            raise RpcError(400, "QUERY_ID_INVALID")
        user, bill = self._accounts[question.user], question.bill
        if not success:
            question.later.answer(RpcError(406, "BOT_PRECHECKOUT_FAILED"))
        elif user.id in bill.paid or self.balance(user) < bill.total:
            question.later.answer(RpcError(400, "PAYMENT_FAILED"))
        else:
            self._charge(user, bot, bill)
            balance = types.UpdateStarsBalance(amount(self.balance(user)))
            updates = types.Updates([balance], [], [], int(self._now()), 0)
            question.later.answer(types.payments.PaymentResult(updates))

    def _charge(self, user: Account, bot: Account, bill: Bill) -> None:
        charge = Charge(f"stx{self._random.getrandbits(96):024x}", user.id, bill, int(self._now()))
        self._charges[charge.id] = charge
        self.give(user, -bill.total)
        self.give(bot, bill.total)
        copy = self._posts.add(user, bot.id, Post(user.id, charge.date, "", action=charge))
        bill.paid[user.id] = copy.id
        for post in bill.posts:  # who paid sees the receipt in the invoice
            for each in post.copies:
                if each.owner == user.id and not each.deleted:
                    user.log.add_edit(each)
        self._feeds.notify(user.id)

    def refund(self, bot: Account, user: Account, number: str) -> None:
        """Give a person the Stars of a charge back; raise CHARGE_ID_INVALID or CHARGE_ALREADY_REFUNDED."""
        charge = self._charges.get(number)
        if charge is None or charge.user != user.id or charge.bill.bot != bot.id:
            raise RpcError(400, "CHARGE_ID_INVALID" if number else "CHARGE_ID_EMPTY")
        if charge.refunded:
            raise RpcError(400, "CHARGE_ALREADY_REFUNDED")
        if self.balance(bot) < charge.bill.total:
            raise RpcError(400, "BALANCE_TOO_LOW")
        charge.refunded = True
        self.give(bot, -charge.bill.total)
        self.give(user, charge.bill.total)
        action = types.MessageActionPaymentRefunded(
            types.PeerUser(bot.id), charge.bill.invoice.currency, charge.bill.total, charge.receipt
        )
        self._posts.add(bot, user.id, Post(bot.id, int(self._now()), "", action=action), opens=False)

    def charges(self, account: Account) -> Iterator[Charge]:
        """Yield the payments that an account has made or got, the newest first."""
        for charge in reversed(self._charges.values()):
            if account.id in (charge.user, charge.bill.bot):
                yield charge


def amount(stars: int) -> types.StarsAmount:
    """Build the TL form of a number of Stars."""
    return types.StarsAmount(stars, 0)
