"""What was seen on the wire: one record for each message, connection and key exchange."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from .mtproto import MSGS_ACK

RPC_RESULT: Final = 0xF35C6D01
RPC_ERROR: Final = 0x2144CA19
#: The messages of MTProto itself, by constructor id: https://core.telegram.org/mtproto/service_messages
SERVICE: Final = {
    MSGS_ACK: "msgs_ack",
    0x7ABE77EC: "ping",
    0xF3427B8C: "ping_delay_disconnect",
    0x347773C5: "pong",
    0xB921BD04: "get_future_salts",
    0xAE500895: "future_salts",
    0xDA69FB52: "msgs_state_req",
    0x04DEB57D: "msgs_state_info",
    0x8CC0D131: "msgs_all_info",
    0x276D3EC6: "msg_detailed_info",
    0x809DB6DF: "msg_new_detailed_info",
    0x7D861A08: "msg_resend_req",
    0x8610BAEB: "msg_resend_ans_req",
    0x58E4A740: "rpc_drop_answer",
    0x5E2AD36E: "rpc_answer_unknown",
    0xCD78E586: "rpc_answer_dropped_running",
    0xA43AD8B7: "rpc_answer_dropped",
    0xE7512126: "destroy_session",
    0xE22045FC: "destroy_session_ok",
    0x62D350C9: "destroy_session_none",
    0xD1435160: "destroy_auth_key",
    0xF660E1D4: "destroy_auth_key_ok",
    0x0A9F2259: "destroy_auth_key_none",
    0xEA109B13: "destroy_auth_key_fail",
    0x9299359F: "http_wait",
    0xA7EFF811: "bad_msg_notification",
    0xEDAB447B: "bad_server_salt",
    0x9EC20908: "new_session_created",
}


class Kind(StrEnum):
    """What a record is about."""

    #: A call of a client.
    CALL = "call"
    #: The answer to a call: a value or an RPC error.
    ANSWER = "answer"
    #: Updates that are not the answer to a call.
    UPDATE = "update"
    #: A message of MTProto itself: acks, pings, salts, what was refused.
    SERVICE = "service"
    #: A connection was opened or closed.
    CONNECTION = "connection"
    #: A client and the server have made an auth key.
    EXCHANGE = "exchange"
    #: A call of a person on the page: it takes no wire.
    PAGE = "page"


class Moment(NamedTuple):
    """When something was seen, and of which session."""

    #: Seconds of a clock that is never set.
    at: float
    #: The server's time.
    time: float
    #: Auth key id and session id; the latter is 0 where there is no session.
    key: tuple[bytes, int] | None = None
    #: The account of the auth key at that time.
    account: int | None = None
    layer: int = 0
    #: The data centre; 0: the first one.
    dc_id: int = 0


class Record:
    """One thing that was seen. It has no repr of its own: `body` holds texts, access hashes and tokens."""

    #: Of an answer: the call that it answers. Of a call: its answer. None: not recorded, or not yet.
    call: Record | None = None
    answer: Record | None = None
    #: Seconds from the call to the answer, at both.
    took: float | None = None
    #: Telegram's name of the error that a call on the page has got.
    error = ""
    #: What a fault did to it, in words.
    fault = ""
    #: What happened, in words, where it is no message, or where the message alone does not tell it.
    words = ""

    def __init__(
        self,
        number: int,
        moment: Moment,
        kind: Kind,
        out: bool,
        body: bytes,
        msg_id: int = 0,
        seq_no: int = 0,
    ) -> None:
        #: Counts from 1.
        self.number = number
        self.moment = moment
        self.kind = kind
        #: Whether the server sent it.
        self.out = out
        #: The message as it was on the wire, packed or not, in the client's layer.
        self.body = body
        self.msg_id = msg_id
        self.seq_no = seq_no

    @property
    def size(self) -> int:
        return len(self.body)

    @property
    def at(self) -> float:
        return self.moment.at

    @property
    def time(self) -> float:
        return self.moment.time

    @property
    def key(self) -> tuple[bytes, int] | None:
        return self.moment.key

    @property
    def account(self) -> int | None:
        return self.moment.account

    @property
    def layer(self) -> int:
        return self.moment.layer

    @property
    def dc_id(self) -> int:
        return self.moment.dc_id
