"""What a person meets whose bot runs on several nodes, beside `errors` and `storeerrors`."""

from __future__ import annotations

from tgbot.core.errors import StorageError, TgbotError, WrongUsageError


class HandedOverError(TgbotError):
    """This node has handed the bot over to {node}. Start it again (tgbot run), and it stands by."""


class StandbyError(TgbotError):
    """{leads}, and this node stands by: give the command there. To lead the bot here, hand over there \
first: tgbot handover"""

    exit_status = 3

    def __init__(self, node: str) -> None:
        super().__init__(f"The node {node} leads the bot" if node else "No node leads the bot now")


class NodeNameTakenError(StorageError):
    """Another process runs as the node {node} on {place}: give each node a name of its own ([storage] \
node). Two with one name would share an auth key, which Telegram then ends. See: tgbot nodes"""


class NoDatabaseError(WrongUsageError):
    """The bot keeps its files on this machine alone, so it has no nodes. For a second machine set \
[storage] url: see docs/nodes.md. Where only the service has the address, \
name the directory of its credentials: CREDENTIALS_DIRECTORY=/etc/tgbot"""


class NoStandbyError(TgbotError):
    """No other node stands by that could lead the bot: start one (tgbot run). See: tgbot nodes"""

    exit_status = 3


class NodeNotReadyError(TgbotError):
    """The node {node} cannot lead the bot now ({state}): start it there (tgbot run). See: tgbot nodes"""

    exit_status = 3


class NodeUnknownError(TgbotError):
    """There is no node {node}, only {nodes}. See: tgbot nodes"""

    exit_status = 3


class HandoverFailedError(TgbotError):
    """The node {node} does not lead the bot {seconds} s after it was handed over: {state}. See: tgbot \
nodes, and the log of {node}"""
