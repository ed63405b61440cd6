"""The prompt after the story: typed lines go to the bot as messages of one of the people."""

from __future__ import annotations

from telethon.errors import RPCError

from tgbot.demo.person import Person
from tgbot.demo.stage import Stage
from tgbot.sandbox.stdin import typed_lines


async def chat(stage: Stage, people: dict[str, Person]) -> None:
    """Send typed lines as one of `people` (by name in lower case) until !quit or the end of input."""
    names = " ".join(f"!{name}" for name in people)
    stage.scene("Your turn: type, and the bot gets it as a message from Anna.")
    stage.note(f"{names}: write as another person. !press LABEL: press a button.")
    stage.note("!block, !unblock: block the bot or not. !quit or Ctrl-D: end.")
    stage.note("Try /help, /privacy, 20 + 22, and as Anna /stats.")
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
                stage.note(f"You write as {speaker.name} now.")
            case "block" | "unblock" as verb:
                await (speaker.block() if verb == "block" else speaker.unblock())
                stage.note(f"{speaker.name} has {verb}ed the bot.")
            case "press":
                try:
                    await speaker.press(rest.strip())
                except LookupError as error:
                    stage.note(f"{speaker.name} has no button “{rest.strip()}”. Buttons: {error}")
                except RPCError as error:
                    stage.note(f"Pressing the button failed ({type(error).__name__}).")
            case _:
                stage.note(f"Unknown command !{word}. Commands: {names} !press !block !unblock !quit")
