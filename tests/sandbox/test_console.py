"""The typed commands for faults."""

import pytest

from tgbot.sandbox import console
from tgbot.sandbox.console import FaultError, parse
from tgbot.sandbox.server import Sandbox

from .listener import Listener

#: The first channel of a sandbox with the seed of the tests.
CHANNEL = -1001500000001


async def test_every_command_in_help_works_and_reports_what_it_did(
    sandbox: Sandbox, listener: Listener
) -> None:
    assert sandbox.world.new_channel("News", "the_news").marked == CHANNEL
    listed = await sandbox.command("help")
    lines = {
        "drop": "Connections closed: 1.",
        "refuse 0.5": "New connections are refused for 0.5 s.",
        "accept": "New connections are accepted.",
        "restart": "Restarted",
        "fail messages.sendMessage 420 FLOOD_WAIT_3 times=2 account=@quiet_bot after": "FLOOD_WAIT_3, though",
        "lose-answer messages.setTyping times=4": "close the connection unanswered: the next 4.",
        "delay 0.1 help.getConfig account=@quiet_bot": f"{listener.bot_id} are delayed by 0.1 s",
        "withhold @quiet_bot": f"Updates for account {listener.bot_id} are withheld",
        "release": "Updates for all accounts are sent again.",
        "reorder 3": "Updates for all accounts are sent in reverse order: the next 3.",
        "repeat 2 @quiet_bot": "are sent twice",
        "lose 1": "are never sent",
        "expire-references": "expired",
        "forget-random-ids": "forgotten",
        "message-ids off": "hold no updateMessageID",
        "slice 5": "Updates in a difference: at most 5.",
        "slice off": "Updates in a difference: all.",
        "too-long on": "Every difference is too long",
        "fail help.getConfig -503 Timeout seconds=inf": "by all accounts answer Timeout: from now on.",
        "timestamp outdated @quiet_bot": "Differences of account",
        "timestamp empty times=3": "channels answer PERSISTENT_TIMESTAMP_EMPTY",
        "silence help.getConfig seconds=5": "by all accounts are never answered: for 5 s.",
        "garble-answers help.getConfig cut": "for all accounts cannot be read: the next 1.",
        "bomb help.getConfig 5": "unpack to 5 MB",
        "bad-msg 32 times=2": "Calls of any method by all accounts are refused with 32: the next 2.",
        "bad-salt help.getConfig": "Calls of help.getConfig by all accounts get bad_server_salt: the next 1.",
        "lift": "Calls of all methods by all accounts are answered as usual.",
        "deafen @quiet_bot": "Sessions that get no updates now: ",
        "garble 2 cut": "Updates for all accounts cannot be read: the next 2.",
        "garble-log 2 @quiet_bot": "2 pts from the next on cannot be read",
        f"garble-log 1 {CHANNEL} first=7 cut": f"the log of channel {CHANNEL}, 1 pts from 7 on",
        "garble-log 1 @quiet_bot qts": "1 qts from the next",
        "mend-log @quiet_bot": "can be read",
        "nonsense pts-negative @quiet_bot": "Sessions that got the update: ",
        "updates-to last": "the session of a bot that made the last call",
        "share on": "one session of an auth key",
        "stick on @the_news": f"Differences of channel {CHANNEL} do not advance.",
        "empty off": "Differences of all accounts and channels are answered as usual.",
        "distort qts-ahead @quiet_bot": "tell a state that is qts-ahead",
        "distort off": "all accounts and channels tell the true state",
        "lag 3 @quiet_bot": "lag by 3 s",
        "transport-error -404 times=2 account=@quiet_bot triple open": "are answered with -404: the next 2.",
        "transport-error -429 seconds=9": "Packets from all accounts are answered with -429: for 9 s.",
        "transport-error -444 now bare": "Connections that got -444: ",
        "kill-keys AUTH_KEY_DUPLICATED @quiet_bot": "Dead auth keys: ",
        "kill-keys": "Dead auth keys: ",
        "revive-keys": "All auth keys are valid again.",
        "single-session on": "A second session on an auth key ends both.",
        "dc 4": "Data centre 4 listens on port",
        "move 4 @quiet_bot": "is data centre 4",
        "clock 30": "30 s ahead",
        "clock -0.5": "0.5 s behind",
        "clock 0": "is correct",
        "limits real": "Bots have to keep Telegram's limits.",
        "limits off": "Bots send as fast as they can.",
        "box 100": "Logs hold the last 100 events.",
        "box off": "Logs hold all events.",
        "short all": "Short forms of updates are sent to: all.",
        "crowd 3 @quiet_bot": "People who have started the bot: 3.",
        "crowd 2 @quiet_bot silent": "People who have started the bot: 2.",
        "clear": "All faults are off.",
        "HELP": "list all commands",
    }
    for line, answer in lines.items():
        assert answer in await sandbox.command(line), line
    named = {line.split()[0].lower() for line in lines}
    assert (
        {line.split()[0] for line in listed.splitlines() if line[:1] != " "} == named == set(console.COMMANDS)
    )


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", "Unknown command ''"),
        ("explode", "Unknown command 'explode'. Type help for a list."),
        ("refuse", "SECONDS is missing. Usage: refuse SECONDS"),
        ("refuse soon", "must be a number of seconds, not 'soon'"),
        ("refuse nan", "must be a number of seconds"),
        ("refuse -1", "must be a number of seconds"),
        ("clock nan", "must be a number of seconds, not 'nan'"),
        ("clock soon", "must be a number of seconds, not 'soon'"),
        ("reorder 0", "must be a whole number above 0"),
        ("fail messages.sendMessage", "CODE is missing"),
        ("fail messages.sendMessage 420 X times=many", "times must be a whole number"),
        ("withhold @nobody_at_all", "Unknown account '@nobody_at_all'"),
        ("drop 5", "Unknown account '5'"),
        ("accept now", "Unexpected argument 'now'"),
        ("clear all=1", "Unexpected argument 'all'"),
        ("too-long maybe", "must be on or off"),
        ("help me", "Unexpected argument 'me'"),
        ("fail help.getConfig -x NO", "CODE must be a whole number above 0, not '-x'"),
        ("fail help.getConfig 0 NO", "CODE must be a whole number above 0, not '0'"),
        ("timestamp wrong", "KIND must be one of outdated, invalid, empty, not 'wrong'"),
        ("silence help.getConfig seconds=soon", "seconds must be a number of seconds or inf, not 'soon'"),
        ("silence help.getConfig seconds=nan", "seconds must be a number of seconds or inf"),
        ("bomb help.getConfig 101", "MEGABYTES must be at most 100, not 101"),
        ("bad-msg -1", "CODE must be a whole number above 0"),
        ("garble-log 1", "PEER is missing"),
        ("garble-log 1 -1000000000005", "Unknown account '-1000000000005'"),
        ("stick on @nobody_at_all", "Unknown account '@nobody_at_all'"),
        ("nonsense pts-ahead", "ACCOUNT is missing"),
        ("distort count-zero", "A state has no pts_count"),
        ("nonsense huge @bot", "KIND must be one of pts-ahead, pts-behind"),
        ("limits on", "LIMITS must be real or off, not 'on'. Usage: limits real|off"),
        ("box 0", "COUNT must be a whole number above 0"),
        ("crowd 2", "ACCOUNT is missing"),
        ("crowd 2000000 @bot", "Unknown account '@bot'"),
        ("kill-keys DEAD", "ANSWER must be one of 404, AUTH_KEY_UNREGISTERED"),
    ],
)
def test_a_wrong_command_is_refused_with_a_reason(line: str, complaint: str) -> None:
    sandbox = Sandbox()
    with pytest.raises(FaultError) as error:
        parse(sandbox.faults, sandbox.world, line)
    assert complaint in str(error.value)


async def test_an_account_cannot_move_to_a_data_centre_that_is_not_there(
    sandbox: Sandbox, listener: Listener
) -> None:
    answer = await sandbox.command("move 5 @quiet_bot")
    assert answer == "There is no data centre 5: open it with dc."


async def test_a_wrong_command_is_answered_with_the_reason(sandbox: Sandbox) -> None:
    assert await sandbox.command("explode") == "Unknown command 'explode'. Type help for a list."
