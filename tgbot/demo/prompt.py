"""What somebody types after the story, as one of its people."""

from __future__ import annotations

from telethon.errors import RPCError

from tgbot.demo.person import Person
from tgbot.demo.stage import Stage
from tgbot.sandbox.stdin import typed_lines


async def chat(stage: Stage, people: dict[str, Person]) -> None:
    """Send what is typed as one of the people, by their names in lower case, until the end of input."""
    names = " ".join(f"!{name}" for name in people)
    stage.scene("Your turn: what you type goes to the bot, as Anna.")
    stage.tells(f"{names} change who you are, !press English presses a button, !block and !unblock")
    stage.tells("do that, !quit or Ctrl-D ends. Try /help, /privacy, 20 + 22, and as Anna /stats.")
    speaker = people["anna"]
    async for line in typed_lines():
        if not line.strip():
            continue
        if not line.startswith("!"):
            await speaker.say(line)
            continue
        word, _, rest = line[1:].strip().partition(" ")
        match word.lower():
            case "quit":
                return
            case name if name in people:
                speaker = people[name]
                stage.tells(f"You are {speaker.name}.")
            case "block":
                await speaker.block()
                stage.tells(f"{speaker.name} has blocked the bot.")
            case "unblock":
                await speaker.unblock()
                stage.tells(f"{speaker.name} has unblocked the bot.")
            case "press":
                await _press(stage, speaker, rest.strip())
            case _:
                stage.tells(f"There is no !{word}: {names} !press !block !unblock !quit")


async def _press(stage: Stage, speaker: Person, label: str) -> None:
    try:
        await speaker.press(label)
    except LookupError as error:
        stage.tells(f"{speaker.name} sees no button “{label}”; there is: {error}")
    except RPCError as error:
        stage.tells(f"The button did nothing ({type(error).__name__}).")
