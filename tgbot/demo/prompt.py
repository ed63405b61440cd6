"""The prompt after the story: typed lines go to the bot as messages of one of the people."""

from __future__ import annotations

from telethon.errors import RPCError, YouBlockedUserError

from tgbot.core.names import GAP
from tgbot.demo.person import Person
from tgbot.demo.stage import Stage
from tgbot.sandbox.stdin import typed_lines
from tgbot.telegram import error_name


async def chat(stage: Stage, people: dict[str, Person]) -> None:
    """Send typed lines as one of `people` (by name in lower case) until !quit or the end of input."""
    names = " ".join(f"!{name}" for name in people)
    stage.scene("Your turn: type, and the bot gets it as a message from Anna.")
    stage.note(f"{names}: write as another person. !press LABEL: press a button.")
    stage.note("!block, !unblock: block the bot or not. !quit or Ctrl-D: end.")
    stage.note("Try /help, /privacy, 20 + 22, and as Anna /stats.")
    speaker = people["anna"]
    async for line in typed_lines():
        line = line.strip(GAP)
        word, rest = (*line.removeprefix("!").split(None, 1), "", "")[:2]
        word = word.lower() if line.startswith("!") else ""
        if word == "quit":
            return
        if word in people:
            speaker = people[word]
            stage.note(f"You write as {speaker.name} now.")
        elif line.startswith("!") and word not in ("block", "unblock", "press"):
            stage.note(f"Unknown command !{word}. Commands: {names} !press !block !unblock !quit")
        elif line:
            await _act(stage, speaker, word, rest.strip() if word else line)


async def _act(stage: Stage, speaker: Person, word: str, rest: str) -> None:
    """Carry out a command of a person, or let them say the rest; print why Telegram refuses."""
    try:
        match word:
            case "block":
                await speaker.block()
                stage.note(f"{speaker.name} has blocked the bot.")
            case "unblock":
                await speaker.unblock()
                stage.note(f"{speaker.name} has unblocked the bot.")
            case "press":
                await speaker.press(rest)
            case _:
                await speaker.say(rest)
    except LookupError as error:
        stage.note(f"{speaker.name} has no button “{rest}”. Buttons: {error}")
    except YouBlockedUserError:
        stage.note(f"{speaker.name} has blocked the bot and cannot write to it. First type: !unblock")
    except RPCError as error:
        stage.note(f"Telegram refused that: {error_name(error)}.")
