"""The console in a real browser: every page in both themes, and every journey by keyboard."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet_wire.contract.causes import Cause
from tests.helpers.console_doors import a_door
from tests.helpers.consoles import TOKENS, served
from tests.helpers.stores import put_unlocks, unlock
from tests.platform_probe.web.console.conftest import page_of

AXE = Path(__file__).parents[3] / "axe" / "axe.min.js.gz"
"""https://github.com/dequelabs/axe-core, MPL-2.0."""
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN_AXE = "(tags) => axe.run({runOnly: tags, preload: false, resultTypes: ['violations']})"
PATHS = (
    "/", "/search?q=car", "/unlock/attempt-33", "/unlock/attempt-3", "/unlock/complaint-1",
    "/car/car-03", "/customer/customer-3", "/booking/booking-33", "/cause/box_offline",
    "/mode/generic_500", "/time", "/incidents", "/incident/incident-1", "/fleet", "/oncall",
    "/support", "/mobile", "/qa?before=2.4.1&after=2.5.0", "/cto", "/squad/connectivity",
    "/boards", "/board/examples/unlocks",
    "/board/connectivity/new?edit=1", "/right", "/nothing",
)  # fmt: skip

pytestmark = pytest.mark.browser


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """Open a page; it must not complain."""
    with page_of(chromium, viewport={"width": 1_280, "height": 900}) as opened:
        yield opened
        assert [each for each in opened.complaints if "404" not in each] == []


def violations(page: Any) -> list[tuple[str, str, str]]:
    """Return what axe finds on a page: where it is, which rule, and the first place."""
    page.evaluate(gzip.decompress(AXE.read_bytes()).decode())
    found = page.evaluate(RUN_AXE, STANDARDS)["violations"]
    return [(page.url, each["id"], each["nodes"][0]["html"][:200]) for each in found]


@pytest.mark.parametrize(
    ("theme", "width", "language"), [("light", 1_280, "en"), ("dark", 400, "fr")]
)
def test_every_page_can_be_used_by_everybody(
    chromium: Any, open_console: str, theme: str, width: int, language: str
) -> None:
    """No violation of WCAG 2.2 AA that axe finds, nothing wider than the screen, no complaint."""
    wrong = []
    options = {"color_scheme": theme, "locale": language}
    with page_of(chromium, viewport={"width": width, "height": 800}, **options) as page:
        for path in PATHS:
            page.goto(open_console + path)
            page.locator("[data-part] a").wait_for(state="detached")
            wrong += violations(page)
            if page.evaluate("document.documentElement.scrollWidth") > width:
                wrong.append((path, "wider than the screen", ""))
        complaints = [each for each in page.complaints if "404" not in each]
    assert (wrong, complaints) == ([], [])


@pytest.mark.parametrize("width", [1_280, 400])
def test_no_table_of_a_role_is_cut(chromium: Any, open_console: str, width: int) -> None:
    """In French, whose words are longer; on a telephone a row is a card."""
    is_cut = "each => each.scrollWidth > each.clientWidth + 1"
    with page_of(chromium, viewport={"width": width, "height": 900}, locale="fr") as page:
        for path in ("/oncall?hours=24", "/support?hours=24", "/cto"):
            page.goto(open_console + path)
            assert page.locator("table.asked").count() > 0
            assert (
                page.evaluate(f"[...document.querySelectorAll('.scroll')].some({is_cut})") is False
            )


def test_support_finds_a_booking_by_keyboard(page: Any, open_console: str) -> None:
    """From / to what to say, without a mouse; the address can be sent to somebody."""
    page.goto(open_console)
    page.keyboard.press("/")
    page.keyboard.type("booking-33")
    page.keyboard.press("Enter")
    page.wait_for_url("**/booking/booking-33")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/unlock/attempt-33")

    assert page.get_by_role("heading", name="What to say").is_visible()
    assert page.get_by_text("Ask the customer to try the door").first.is_visible()


def test_lists_are_walked_with_j_and_k(page: Any, open_console: str) -> None:
    """The first one, the next, back, and not beyond the ends."""
    page.goto(f"{open_console}/time")
    texts = []
    for key in ("j", "j", "k", "k"):
        page.keyboard.press(key)
        texts.append(page.evaluate("document.activeElement.getAttribute('href')"))

    assert texts == [
        "/unlock/attempt-33", "/unlock/attempt-17", "/unlock/attempt-33", "/unlock/attempt-33",
    ]  # fmt: skip


def test_pages_of_a_list_are_turned_with_n_and_p(page: Any, tmp_path: Path) -> None:
    """Forth, and back; with the same failures on each."""
    rows = [unlock(number, cause=Cause.BOX_OFFLINE) for number in range(60)]
    put_unlocks(tmp_path / "store", rows)
    with served(tmp_path / "store", tmp_path / "audit.jsonl") as url:
        page.goto(f"{url}/time")
        first = page.locator("a[data-row]").first.get_attribute("href")
        page.keyboard.press("n")
        page.get_by_text("51 to 60").wait_for()
        page.keyboard.press("p")
        page.get_by_text("1 to 50").wait_for()
        assert page.locator("a[data-row]").first.get_attribute("href") == first


@pytest.mark.parametrize("language", ["en", "fr"])
def test_what_support_needs_is_on_the_first_screen(
    chromium: Any, open_console: str, language: str
) -> None:
    """What happened, what to say and what to do, on a telephone too."""
    screen = {"width": 400, "height": 800}
    with page_of(chromium, viewport=screen, locale=language) as page:
        for path in ("/unlock/attempt-33", "/unlock/attempt-3"):
            page.goto(open_console + path)
            headings = page.locator(".say h2")
            assert headings.count() == 3
            last = headings.last.bounding_box()
            assert last["y"] + last["height"] < screen["height"]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_what_on_call_needs_is_on_the_first_screen(
    chromium: Any, open_console: str, language: str
) -> None:
    """What, where, how many, since when and what to do, before the evidence."""
    screen = {"width": 1_280, "height": 900}
    with page_of(chromium, viewport=screen, locale=language) as page:
        for path in ("/incident/incident-1", "/incident/incident-3"):
            page.goto(open_console + path)
            parts = (page.locator("h1"), page.locator(".head .facts"), page.locator(".say"))
            boxes = [part.first.bounding_box() for part in parts]
            assert [box["y"] for box in boxes] == sorted(box["y"] for box in boxes)
            assert boxes[-1]["y"] + boxes[-1]["height"] < screen["height"]


def test_the_keys_are_explained_and_can_be_switched_off(page: Any, open_console: str) -> None:
    """Single letters get in the way of who speaks to the browser (WCAG 2.1.4)."""
    page.goto(open_console)
    page.keyboard.press("?")
    help_ = page.get_by_role("dialog")
    assert help_.is_visible()
    page.get_by_label("switch these keys off").check()
    page.keyboard.press("Escape")
    assert not help_.is_visible()

    page.keyboard.press("?")
    assert not help_.is_visible()
    page.reload()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") != "q"


def test_a_sentence_is_copied(chromium: Any, open_console: str) -> None:
    """What to say goes to the clipboard, and a reader of screens hears so."""
    with page_of(chromium, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.goto(f"{open_console}/unlock/attempt-33")
        page.get_by_role("button", name="Copy: What to say").click()
        page.get_by_role("status").get_by_text("Copied").wait_for()

        copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "That problem is over: please press unlock once more."


def test_who_else_comes_by_itself(page: Any, open_console: str) -> None:
    """What takes longer does not keep the page waiting."""
    page.goto(f"{open_console}/unlock/attempt-33")

    page.get_by_text("too few to say what they share").wait_for()


def test_failures_come_live_and_can_be_paused(page: Any, tmp_path: Path) -> None:
    """A new failure appears; while paused it is counted; then it is shown."""
    store = tmp_path / "store"
    put_unlocks(store, [unlock(1, cause=Cause.BOX_OFFLINE)])
    with served(store, tmp_path / "audit.jsonl") as url:
        page.goto(f"{url}/oncall")
        page.get_by_text("New failures appear here").wait_for()
        rows = page.locator("#live-rows tr")
        assert rows.count() == 1
        put_unlocks(store, [unlock(2, cause=Cause.RESULT_LOST, firmware="<i>9</i>")])
        page.locator("#live-rows").get_by_text("answer lost").wait_for(timeout=30_000)
        assert page.locator("#live-rows").get_by_text("<i>9</i>").is_visible()
        assert rows.count() == 2

        page.get_by_role("button", name="Pause").click()
        put_unlocks(store, [unlock(3, cause=Cause.BOX_ASLEEP)])
        page.get_by_text("Paused: 1 more.").wait_for(timeout=30_000)
        page.get_by_role("button", name="Pause").click()
        page.locator("#live-rows").get_by_text("box asleep").wait_for()
        page.goto("about:blank")


def test_theme_and_language_are_chosen(page: Any, open_console: str) -> None:
    """Against what the browser prefers, and they stay."""
    page.goto(f"{open_console}/fleet")
    page.get_by_role("link", name="Dark").click()
    page.get_by_role("link", name="Français").click()

    page.get_by_role("heading", name="Flotte en direct").wait_for()
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colour == "rgb(13, 18, 23)"


def test_log_in_unmask_and_out(chromium: Any, guarded_console: tuple[str, Path]) -> None:
    """An engineer sees a masked customer, says why, sees the name, and leaves."""
    url = guarded_console[0]
    with page_of(chromium) as page:
        page.goto(f"{url}/unlock/attempt-33")
        page.get_by_label("Token").fill(TOKENS["oncall"])
        page.keyboard.press("Enter")
        page.get_by_text("Show the customer").click()
        assert "customer-3" not in page.content()
        page.get_by_label("Why?").fill("ticket 17")
        page.get_by_role("button", name="Show").click()

        page.get_by_role("link", name="customer-3").wait_for()
        page.get_by_role("button", name="Log out").click()
        page.get_by_role("heading", name="Log in").wait_for()
        assert page.complaints == []
    assert b"ticket 17" in guarded_console[1].read_bytes()


def test_signing_in_at_a_provider(chromium: Any, console_store: Path, tmp_path: Path) -> None:
    """From the page that was wanted to the provider and back, on though it goes away, and out."""
    with a_door(console_store, tmp_path) as door, page_of(chromium) as page:
        page.goto(f"{door.url}/booking/booking-33")
        assert violations(page) == []
        page.get_by_role("link", name="Log in with your company").click()
        page.get_by_text("amelie, Support").wait_for()
        assert page.url == f"{door.url}/booking/booking-33"
        door.provider.answers_with = 500
        page.goto(f"{door.url}/unlock/attempt-33")
        assert page.get_by_role("heading", name="What to say").is_visible()

        page.get_by_role("button", name="Log out").click()
        page.get_by_text("You are logged out here").wait_for()
        door.provider.answers_with = 200
        page.get_by_role("link", name="Log out there too").click()
        page.get_by_text("Signed out of unlockpath-console").wait_for()
        assert [each for each in page.complaints if "404" not in each] == []


def test_a_board_is_made_and_shared(page: Any, open_console: str) -> None:
    """From its name to a link that others open; axe finds nothing on the way."""
    page.goto(f"{open_console}/boards")
    page.fill("#name", "night")
    page.click("main form button")
    text = page.input_value("#text").replace("Unlocks of the week", "Unlocks of the night")
    page.fill("#text", text)
    page.click("button[value=preview]")
    assert page.locator(".panel .bar").count() == 2
    assert violations(page) == []
    page.click("button[value=save]")
    assert page.url == f"{open_console}/board/connectivity/night"
    assert violations(page) == []
    page.click("button[value=share]")
    assert violations(page) == []
    page.click("main a[href^='/shared/']")
    assert page.inner_text("h1") == "Unlocks of the night"
    assert violations(page) == []
    page.goto(f"{open_console}/board/connectivity/night")
    page.click("summary:has-text('Delete')")
    page.click("button[value=delete]")
    assert "night" not in page.inner_text("main ul")
