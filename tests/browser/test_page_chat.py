"""The chat of the page in a real browser: a person, a bot, and what Telegram's apps would show them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from telethon import Button, events
from telethon.tl import functions, types

from tests.sandbox.conftest import PlainBot
from tests.scenarios.conftest import StartBot
from tgbot.app import Bot
from tgbot.core.access import Access
from tgbot.sandbox.accounts import Account
from tgbot.sandbox.page.page import Page
from tgbot.sandbox.server import Sandbox

from .chatting import AXE, Person, barriers, evaluate, look, picture, resize
from .conftest import Browser

FIRST, SECOND = ".pane:first-child", ".pane:last-child"


@pytest.fixture
async def browser(chromium: Any) -> AsyncIterator[Browser]:
    """Yield the module's chromium with a wide, light window."""
    browser = Browser(chromium)
    await resize(browser, 1280, 860)
    await look(browser, {"prefers-color-scheme": "light", "prefers-reduced-motion": "reduce"})
    await browser.complaints()
    yield browser
    await browser.do(lambda driver: driver.get("about:blank"))


@pytest.fixture
async def me(sandbox: Sandbox, browser: Browser) -> AsyncIterator[Person]:
    """Yield the person at the page, which shows no errors at the end."""
    async with Page(sandbox) as page:
        yield Person(browser, page.address)
        assert await browser.complaints() == []


async def demo_bot(sandbox: Sandbox, plain_bot: PlainBot) -> Any:  # Any: Telethon's client
    """Log in @demo_page_bot, which shows what bots can do."""
    bot = await plain_bot(sandbox.new_bot("demo_page_bot", "Demo").token)
    commands = [types.BotCommand("start", "Begin"), types.BotCommand("menu", "A keyboard")]
    scope = types.BotCommandScopeDefault()
    await bot(functions.bots.SetBotCommandsRequest(scope, "", commands))

    async def answer(event: Any) -> None:
        text = event.raw_text
        if text.startswith("/start"):
            row = [Button.inline("Notice", b"notice"), Button.inline("Alert", b"alert")]
            buttons = [row, [Button.url("Site", "https://example.org/page")]]
            await event.respond(f"Hello, **you**! {text[7:]}".strip(), buttons=buttons)
        elif text == "/menu":
            keyboard = [[Button.text("Tea", resize=True, single_use=True), Button.text("Coffee")]]
            await event.respond("Choose:", buttons=keyboard)
        elif text == "change":
            sent = await event.respond("first")
            await sent.edit("second")
            gone = await event.respond("gone")
            await gone.delete()
            await event.respond("third")
        else:
            await event.respond(f"heard: {text}")

    async def press(event: Any) -> None:
        await event.answer(f"You pressed {event.data.decode()}", alert=event.data == b"alert")

    bot.add_event_handler(answer, events.NewMessage(incoming=True))
    bot.add_event_handler(press, events.CallbackQuery())
    return bot


@pytest.fixture
async def demo(sandbox: Sandbox, plain_bot: PlainBot) -> Any:
    return await demo_bot(sandbox, plain_bot)


def access_of(bot: Bot, number: int) -> Access | None:
    """Return whether the bot believes that it may write to somebody."""
    user = bot.users.get(number)
    return user.verdict(bot.clock()).access if user is not None else None


async def begin(sandbox: Sandbox, me: Person, name: str = "Anna") -> None:
    """Be a new person who has started @demo_page_bot."""
    sandbox.world.new_user(name, username=f"{name.lower()}_page")
    await me.open()
    await me.click(name)
    await me.click("Demo", ".chat-item")
    await me.click("Start", ".foot-button")
    await me.hears("Hello, you!")


async def test_a_person_is_added_starts_the_bot_presses_a_button_and_blocks_it(
    sandbox: Sandbox, account: Account, me: Person, start_bot: StartBot, browser: Browser
) -> None:
    bot = await start_bot(plugins=["examples.menu"])
    await me.open()
    await me.click("Add a person")
    await me.write("Anna", "input[name=name]")
    await me.write("anna_page\n", "input[name=username]")
    await me.write("@the_bot\n", ".search input")
    await me.sees("What can this bot do?")
    await picture(browser, "chat-start")
    await me.click("Start", ".foot-button")
    await me.sees("Hello")
    await me.write("/menu\n")
    await me.hears("What would you like?")
    await me.click("Cake", ".key")
    await me.sees("Poppy seed – 3.80 €")
    await picture(browser, "chat-pressed")
    anna = next(each for each in sandbox.world.accounts.people() if each.first_name == "Anna")
    await me.press("Menu of this chat")
    await me.click("Stop and block bot", "[role=menuitem]")
    await me.click("Restart bot", ".foot-button")
    await me.sees_no(".foot-button")
    await me.press("Menu of this chat")
    await me.click("Stop and block bot", "[role=menuitem]")
    await me.sees("Restart bot")
    await browser.until(lambda _: access_of(bot, anna.id) is Access.BLOCKED)


async def test_a_notice_passes_and_an_alert_stays(
    sandbox: Sandbox, me: Person, demo: Any, browser: Browser
) -> None:
    await begin(sandbox, me)
    await me.click("Notice", ".key")
    await me.sees("You pressed notice")
    await me.sees_no(".spinner")
    await me.click("Alert", ".key")
    await browser.find("dialog[open]")
    await me.sees("You pressed alert")
    await me.click("OK")
    await me.sees_no("dialog")
    # An address is opened only after a question, which shows it.
    await me.click("Site", ".key")
    await me.sees("https://example.org/page")
    await me.click("Cancel")
    assert await browser.do(lambda driver: len(driver.window_handles)) == 1


async def test_edits_and_deletions_appear_as_they_happen(sandbox: Sandbox, me: Person, demo: Any) -> None:
    await begin(sandbox, me)
    await me.write("change\n")
    await me.hears("third")
    assert [text.strip() for text in (await me.bubbles())[-3:]] == ["change", "second", "third"]
    await me.sees("edited")


async def test_what_the_bot_is_doing_is_shown_until_it_has_written(
    sandbox: Sandbox, me: Person, demo: Any
) -> None:
    await begin(sandbox, me)
    anna = next(each for each in sandbox.world.accounts.people())
    peer = await demo.get_input_entity(anna.id)
    uploading = types.SendMessageUploadPhotoAction(50)
    await demo(functions.messages.SetTypingRequest(peer, uploading))
    await me.sees("sending a photo …")
    await demo.send_message(peer, "no photo after all")
    await me.hears("no photo after all")
    assert "sending a photo" not in await me.text(".head")


async def test_a_keyboard_of_the_bot_is_pressed_once(
    sandbox: Sandbox, me: Person, demo: Any, browser: Browser
) -> None:
    await begin(sandbox, me)
    await me.write("/menu\n")
    await browser.find(".board")
    await picture(browser, "chat-keyboard")
    await me.click("Tea", ".board-key")
    await me.hears("heard: Tea")
    await me.sees_no(".board")


async def test_a_link_is_followed_to_the_bot_with_its_payload(
    sandbox: Sandbox, me: Person, demo: Any
) -> None:
    sandbox.world.new_user("Anna")
    await me.open()
    await me.click("Anna")
    await me.write("https://t.me/demo_page_bot?start=promo-7\n", ".search input")
    await me.click("Start", ".foot-button")
    await me.hears("Hello, you! promo-7")
    assert (await me.bubbles())[-2].strip() == "/start"


async def test_two_people_side_by_side_talk_in_a_group(
    sandbox: Sandbox, me: Person, demo: Any, browser: Browser
) -> None:
    sandbox.world.new_user("Anna", username="anna_page")
    sandbox.world.new_user("Boris")
    await resize(browser, 1500, 900)
    await me.open()
    await me.click("Two people")
    anna, boris = me.at(FIRST), me.at(SECOND)
    await anna.click("Anna")
    await boris.click("Boris")
    await anna.press("New group or channel")
    await anna.click("New group", "[role=menuitem]")
    await anna.write("Friends", "input[name=title]")
    await anna.click("Create")
    await anna.click("Friends", ".head-who")
    await anna.click("New link")
    link = await browser.find(f"{FIRST} .commands .text-button")
    address = await browser.do(lambda _: link.text)
    await anna.press("Close")
    await boris.write(f"{address}\n", ".search input")
    await boris.click("Join the group")
    await anna.sees("Boris joined by an invite link")
    await boris.write("Hello, Anna\n")
    await anna.hears("Hello, Anna")
    await anna.write("Hello, Boris\n")
    await boris.hears("Hello, Boris")
    await look(browser, {"prefers-color-scheme": "dark"})
    await picture(browser, "chat-two-dark")
    await boris.click("Boris", ".person-button")
    await boris.click("Change Boris", "[role=menuitem]")
    await boris.write("ova\n", "input[name=name]")
    await boris.sees("Borisova")


async def test_an_invite_link_with_requests_waits_for_an_admin(
    sandbox: Sandbox, me: Person, browser: Browser
) -> None:
    anna, boris = sandbox.world.new_user("Anna"), sandbox.world.new_user("Boris")
    group = sandbox.world.new_group("Readers", anna.id)
    invite = sandbox.world.groups.invite(group, anna.id, request_needed=True)
    await resize(browser, 1500, 900)
    await me.open()
    await me.click("Two people")
    first, second = me.at(FIRST), me.at(SECOND)
    await first.click("Anna")
    await second.click("Boris")
    await second.write(f"t.me/+{invite.hash}\n", ".search input")
    await second.click("Ask to join")
    await second.sees("An admin decides")
    assert boris.id not in group.members
    await first.click("Readers", ".chat-item")
    await first.click("Readers", ".head-who")
    await first.click("Approve")
    await second.click("Readers", ".chat-item")
    await second.sees("let in after a request to join")
    assert boris.id in group.members


def focused(driver: Any) -> str:
    """Return the classes of what has the focus."""
    return str(driver.switch_to.active_element.get_attribute("class"))


async def test_a_person_needs_no_mouse(sandbox: Sandbox, me: Person, demo: Any, browser: Browser) -> None:
    sandbox.world.new_user("Anna")
    await me.open()

    async def keys(*keys: str) -> str:
        """Type, and return the text or the name of what has the focus then."""
        await browser.do(lambda driver: ActionChains(driver).send_keys(*keys).perform())
        script = "const now = document.activeElement; return now.ariaLabel || now.innerText"
        return " ".join(str(await browser.do(lambda driver: driver.execute_script(script))).split())

    async def tab_to(text: str) -> None:
        for _ in range(30):
            if text in await keys(Keys.TAB):
                return
        raise AssertionError(f"the Tab key does not lead to {text}")

    await tab_to("Anna")
    await keys(Keys.ENTER)
    await me.sees("In this sandbox")
    await tab_to("New group or channel")
    await tab_to("Demo")
    await keys(Keys.ENTER)
    await me.sees("What can this bot do?")
    await browser.until(lambda driver: driver.switch_to.active_element.text == "Start")
    await keys(Keys.ENTER)
    await me.hears("Hello, you!")
    # From the field back to the newest message, and on to its buttons.
    await browser.until(lambda driver: "composer-field" in focused(driver))
    await keys(Keys.SHIFT, *[Keys.TAB] * 6, Keys.NULL)
    await tab_to("Notice")
    await keys(Keys.ENTER)
    await me.sees("You pressed notice")
    await tab_to("Message to Demo")
    # The commands are a list; the arrow keys choose.
    await keys("/")
    await me.sees("A keyboard")
    await keys(Keys.ARROW_DOWN)
    await browser.find(".suggestion:last-child[aria-selected=true]")
    await keys(Keys.ENTER)
    await me.hears("Choose:")
    # Esc leaves the chat, and the focus is where it was opened.
    await keys(Keys.ESCAPE)
    await browser.until(lambda driver: "chat-item" in focused(driver))


async def test_axe_finds_no_barrier_in_light_and_dark(
    sandbox: Sandbox, me: Person, demo: Any, browser: Browser
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core from npm is not installed: make browser")
    await me.open()
    found = {"welcome": await barriers(browser)}
    await begin(sandbox, me)
    text = "Bold @demo_page_bot https://example.org a secret and def f(): pass"
    secret, code = text.index("a secret"), text.index("def")
    marks = [
        types.MessageEntityBold(0, 4),
        types.MessageEntitySpoiler(secret, len("a secret")),
        types.MessageEntityPre(code, len(text) - code, "python"),
    ]
    anna = next(each for each in sandbox.world.accounts.people())
    await demo.send_message(anna.id, text, formatting_entities=marks)
    await demo.send_message(anna.id, "/menu")
    await me.write("/menu\n")
    await browser.find(".board")
    for scheme in ("light", "dark"):
        await look(browser, {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"})
        found[f"chat, {scheme}"] = await barriers(browser)
        await picture(browser, f"chat-{scheme}")
        await browser.click(".head-who")
        await browser.find("dialog[open] .facts")
        found[f"profile, {scheme}"] = await barriers(browser)
        await me.press("Close")
        await me.sees_no("dialog")
        await me.press("Menu of this chat")
        found[f"menu, {scheme}"] = await barriers(browser)
        await browser.do(lambda driver: ActionChains(driver).send_keys(Keys.ESCAPE).perform())
    assert found == {place: [] for place in found}


@pytest.mark.parametrize("width", [390, 640])
async def test_a_narrow_window_shows_one_thing_at_a_time(
    sandbox: Sandbox, me: Person, demo: Any, browser: Browser, width: int
) -> None:
    """A phone, and a window of 1280 pixels at 200 %."""
    await resize(browser, width, 800)
    await begin(sandbox, me)
    await me.write("/menu\n")
    await browser.find(".board")
    await picture(browser, f"chat-{width}")
    fits = "return document.documentElement.scrollWidth <= innerWidth"
    assert await browser.do(lambda driver: driver.execute_script(fits))
    side = await browser.find(".side")
    assert not await browser.do(lambda _: side.is_displayed())
    await me.press("Back to the list of chats")
    assert await browser.do(lambda _: side.is_displayed())
    await me.click("Wire", ".tab")
    await me.sees_no(".pane")
    await me.click("Chat", ".tab")
    await me.click("Demo", ".chat-item")
    await me.hears("Choose:")


async def test_a_photo_and_a_file_go_up_and_come_down(
    sandbox: Sandbox, me: Person, demo: Any, browser: Browser, tmp_path: Path
) -> None:
    from PIL import Image

    Image.new("RGB", (64, 48), "teal").save(tmp_path / "sea.png")
    (tmp_path / "notes.txt").write_text("not a page: <script>")
    await begin(sandbox, me)
    # The file dialog is the browser's own: the page's field for files is given to the test instead.
    await browser.do(
        lambda driver: driver.execute_script(
            "HTMLInputElement.prototype.click = function () {"
            "this.className = 'picked'; document.body.append(this) }"
        )
    )
    await me.press("Attach")
    await me.click("Photo or file", "[role=menuitem]")
    picked = await browser.find(".picked")
    both = f"{tmp_path / 'sea.png'}\n{tmp_path / 'notes.txt'}"
    await browser.do(lambda _: picked.send_keys(both))
    await me.write("Two things\n", "input[name=caption]")
    await me.sees("notes.txt")
    width = "return document.querySelector('.bubble-own .picture img')?.naturalWidth"
    assert await browser.until(lambda driver: driver.execute_script(width)) == 64
    # What somebody has sent is never a page of this origin.
    told = """
    const done = arguments[0];
    fetch(document.querySelector(".bubble-own .file").href).then(async (answer) => {
      const header = (name) => answer.headers.get(`Content-${name}`);
      const [kind, disposition] = ["Type", "Disposition"].map(header);
      done([kind, disposition.split(";")[0], await answer.text()]);
    });
    """
    kind, disposition, content = await browser.do(lambda driver: driver.execute_async_script(told))
    assert (kind, disposition) == ("application/octet-stream", "attachment")
    assert content == "not a page: <script>"


async def test_older_messages_load_at_the_top_and_an_answer_jumps_to_its_message(
    sandbox: Sandbox, me: Person, browser: Browser
) -> None:
    anna, boris = sandbox.world.new_user("Anna"), sandbox.world.new_user("Boris")
    for index in range(300):
        sandbox.world.send_as(boris.id, anna.id, f"message {index}")
    await me.open()
    await me.click("Anna")
    await me.click("Boris", ".chat-item")
    await me.hears("message 299")
    await browser.until(lambda driver: driver.find_elements("css selector", ".badge") == [])
    top = """
    const log = document.querySelector(".log");
    log.scrollTop = 0;
    return log.querySelector("[data-id]").textContent.includes("message 0");
    """
    await browser.until(lambda driver: driver.execute_script(top))
    # Who reads old messages stays there, and is told of new ones.
    sandbox.world.send_as(boris.id, anna.id, "a new one")
    await browser.find(".to-end-badge")
    await me.press("Scroll to the end, 1 unread")
    await me.hears("a new one")
    await me.sees_no(".to-end")
    assert len(await me.bubbles()) == 301


async def test_the_page_says_that_it_is_not_connected_and_loads_anew(
    sandbox: Sandbox, browser: Browser, demo: Any
) -> None:
    async with Page(sandbox) as page:
        me = Person(browser, page.address)
        await begin(sandbox, me)
        held = page._site  # its token stays the same: the address is the same after a restart
        await held.__aexit__()
        await me.sees("Not connected")
        await me.write("while it was away\n")
        await me.sees("not connected")
        anna = next(each for each in sandbox.world.accounts.people())
        await demo.send_message(anna.id, "said meanwhile")
        await held.__aenter__()
        await me.hears("said meanwhile")
        # What was not sent is still in the field.
        await me.write("\n")
        await me.hears("heard: while it was away")
    await browser.complaints()


async def test_links_of_telegram_are_read_as_apps_read_them(me: Person, browser: Browser) -> None:
    await me.open()
    cases: dict[str, Any] = {
        "https://t.me/some_bot?start=abc": ["name", "some_bot", "abc"],
        "t.me/some_bot": ["name", "some_bot", None],
        "http://www.telegram.me/some_bot": ["name", "some_bot", None],
        "tg://resolve?domain=some_bot&start=x_1": ["name", "some_bot", "x_1"],
        "tg:resolve?domain=some_bot": ["name", "some_bot", None],
        "some_bot.t.me?start=z": ["name", "some_bot", "z"],
        "https://t.me/+AbC-1": ["invite", "AbC-1", None],
        "https://t.me/joinchat/AbC": ["invite", "AbC", None],
        "tg://join?invite=AbC": ["invite", "AbC", None],
        "tg://user?id=7": ["user", 7, None],
        "https://t.me/": None,
        "https://example.org/some_bot": None,
        "javascript:alert(1)": None,
        "https://t.me.example.org/some_bot": None,
        "": None,
    }
    read = "Object.fromEntries(%s.map((each) => [each, it.read(each)]))"
    found = await evaluate(browser, "chat/links.js", read % json.dumps(list(cases)))
    short = {
        text: link and [link["to"], link.get("name") or link.get("hash") or link.get("id"), link.get("start")]
        for text, link in found.items()
    }
    assert short == cases


async def test_entities_become_elements_that_can_overlap(me: Person, browser: Browser) -> None:
    """Text outside of the Basic Multilingual Plane counts twice; what overlaps is cut."""
    await me.open()
    script = """
    (() => {
      const entity = (name, offset, length) => ({ _: `messageEntity${name}`, offset, length });
      const text = "a😀b <i>c</i> d";
      const entities = [entity("Bold", 0, 4), entity("Italic", 3, 4), entity("Code", 20, 9)];
      const shown = it.elements(text, entities, {}, 0);
      const plain = (node) =>
        typeof node === "string" ? node
          : Array.isArray(node) ? node.map(plain).join("")
          : `<${node.type}>${plain(node.props.children)}</${node.type}>`;
      return plain(shown);
    })()
    """
    assert await evaluate(browser, "chat/text.js", script) == (
        "<strong>a😀<em>b</em></strong><em> <i</em>>c</i> d"
    )
