"""What Slack accepts of a message, as its documentation says: lengths, counts, forms, mrkdwn.

https://docs.slack.dev/reference/block-kit/blocks and .../block-elements/button-element,
https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

MAX_BLOCKS = 50
MAX_LETTERS = 13_200
"""Of all blocks: https://github.com/slackapi/bolt-js/issues/2509."""
MAX_TEXT = 40_000
MAX_GOOD_TEXT = 4_000
"""Longer texts are allowed and not advised."""
LINK = re.compile(r"<(https?://[^<>|\s]+)\|[^<>|]+>")
DATE = re.compile(r"<!date\^\d+\^[^<>|^]*\|[^<>|]+>")
ENTITY = re.compile(r"&(?:amp|lt|gt);")
BLOCKS = {
    "header": ({"type", "text"}, set()),
    "section": ({"type", "text"}, {"block_id"}),
    "context": ({"type", "elements"}, {"block_id"}),
    "actions": ({"type", "elements"}, {"block_id"}),
}
"""What a block of a type must have, and what it may have besides."""


def problems_of_blocks(blocks: Any) -> list[str]:
    """Return what Slack would not take (`invalid_blocks`)."""
    if not isinstance(blocks, list):
        return ["blocks: must be an array"]
    if len(blocks) > MAX_BLOCKS:
        return [f"blocks: no more than {MAX_BLOCKS} items allowed"]
    return [problem for block in blocks for problem in _problems(block)]


def letters_of(value: Any) -> int:
    """Return how many characters all texts of the blocks have."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(letters_of(each) for each in value.values())
    return sum(letters_of(each) for each in value) if isinstance(value, list) else 0


def mrkdwn_mistakes(text: str) -> list[str]:
    """Return what a reader would see garbled: letters that are not escaped."""
    rest = ENTITY.sub("", DATE.sub("", LINK.sub("", text)))
    return [f"not escaped: {letter} in {text!r}" for letter in "&<>" if letter in rest]


def mrkdwn_texts(value: Any) -> Iterator[str]:
    """Yield all texts of blocks in which Slack reads markup."""
    if isinstance(value, dict):
        if value.get("type") == "mrkdwn":
            yield value["text"]
        for each in value.values():
            yield from mrkdwn_texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from mrkdwn_texts(each)


def _problems(block: Any) -> Iterator[str]:
    if not isinstance(block, dict) or block.get("type") not in BLOCKS:
        yield f"unsupported block: {block!r:.80}"
        return
    kind = block["type"]
    must, may = BLOCKS[kind]
    if must - block.keys() or block.keys() - must - may:
        yield f"{kind}: has {sorted(block)}"
    elif kind == "header":
        yield from _text(block["text"], kind, 150, only="plain_text")
    elif kind == "section":
        yield from _text(block["text"], kind, 3_000)
    elif not 1 <= len(block["elements"]) <= (10 if kind == "context" else 25):
        yield f"{kind}: {len(block['elements'])} elements"
    elif kind == "context":
        for element in block["elements"]:
            yield from _text(element, kind, 3_000)
    else:
        names = [element.get("action_id") for element in block["elements"]]
        if len(set(names)) < len(names):
            yield f"action_id twice: {names}"
        for element in block["elements"]:
            yield from _button(element)


def _button(button: dict[str, Any]) -> Iterator[str]:
    if button.get("type") != "button" or not 1 <= len(button.get("action_id", "")) <= 255:
        yield f"no button: {button!r:.80}"
    yield from _text(button["text"], "button", 75, only="plain_text")
    if len(button.get("value", "")) > 2_000 or button.get("style", "primary") not in (
        "primary", "danger",
    ):  # fmt: skip
        yield "button: value or style"
    if confirm := button.get("confirm"):
        yield from _text(confirm["title"], "confirm", 100, only="plain_text")
        yield from _text(confirm["text"], "confirm", 300)
        yield from _text(confirm["confirm"], "confirm", 30, only="plain_text")
        yield from _text(confirm["deny"], "confirm", 30, only="plain_text")


def _text(text: dict[str, Any], where: str, most: int, only: str | None = None) -> Iterator[str]:
    if text.get("type") not in ((only,) if only else ("plain_text", "mrkdwn")):
        yield f"{where}: text is {text.get('type')}"
    if not 1 <= len(text.get("text", "")) <= most:
        yield f"{where}: must be 1 to {most} characters, has {len(text.get('text', ''))}"
    if text.get("type") == "mrkdwn" and "emoji" in text:
        yield f"{where}: emoji is for plain_text"
