"""Labels on the page of an unlock, and the page that says how often we are right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from platform_probe.store.writer import held_by_monitor
from platform_probe.web.console.pictures import reliability_of
from tests.helpers.consoles import (
    TOKENS,
    Visitor,
    looks_in,
    served,
    tokens_file,
)
from tests.helpers.stores import copy_of_store, selected

PAGE = "/unlock/attempt-33"
HELD = "SELECT label, labelled_by, text FROM labelled WHERE attempt_id = 'attempt-33'"


class Guarded(NamedTuple):
    """A console that asks who looks, over a store of its own."""

    url: str
    store: Path
    audit: Path

    def visitor(self, role: str, **headers: str) -> Visitor:
        """Return somebody who has logged in."""
        visitor = Visitor(self.url, **headers)
        visitor.log_in(TOKENS[role])
        return visitor


@pytest.fixture
def guarded(console_store: Path, tmp_path: Path) -> Iterator[Guarded]:
    """Serve it to those with tokens."""
    store, audit = copy_of_store(console_store, tmp_path / "store"), tmp_path / "audit.jsonl"
    with served(store, audit, tokens_file=str(tokens_file(tmp_path))) as url:
        yield Guarded(url, store, audit)


def give(visitor: Visitor, **fields: str) -> tuple[int, str]:
    """Send the form of the page; return the status, and the page to which it leads."""
    token = visitor.form_token(PAGE)
    got = visitor.post("/label", {"form_token": token, "attempt": "attempt-33", **fields})
    return got.status, visitor.get(got.location).text if got.location else got.text


def test_a_label_stands_on_the_page_with_who_and_why(guarded: Guarded) -> None:
    """It replaces the one before, and is in the audit log."""
    status, page = give(guarded.visitor("oncall"), mode="phone_side", text="<b>old</b> phone")
    assert status == 303
    assert "by oncall-person <q>&lt;b&gt;old&lt;/b&gt; phone</q>" in page
    assert "by amelie <q>their log says so</q>" in page
    assert [*selected(guarded.store, HELD)] == [("phone_side", "oncall-person", "<b>old</b> phone")]
    (line,) = [one for one in looks_in(guarded.audit) if one["action"] == "label"]
    assert (line["user"], line["id"], line["mode"]) == ("oncall-person", "attempt-33", "phone_side")


def test_a_label_is_withdrawn(guarded: Guarded) -> None:
    """The history stays, and no label holds."""
    status, page = give(guarded.visitor("support"), withdraw="1")
    assert status == 303
    assert "label withdrawn, by support-person" in page
    assert not selected(guarded.store, HELD)


def test_the_form_speaks_french(guarded: Guarded) -> None:
    """Modes by layer, each with its French title."""
    _, page = give(guarded.visitor("support", Accept_Language="fr"), mode="nothing_wrong")
    assert "Ce que c&#39;était vraiment" in page
    assert '<optgroup label="réseau">' in page
    assert "l&#39;API renvoie des erreurs sans cause</option>" in page
    assert "par support-person" in page


def test_what_is_no_label_is_refused(guarded: Guarded) -> None:
    """Nothing is kept, and the page says why."""
    before = selected(guarded.store, "SELECT count(*) FROM labels")
    for fields in (
        {"mode": "no_such_mode"},
        {},
        {"mode": "phone_side", "attempt": "attempt-999"},
        {"mode": "phone_side", "withdraw": "1"},
    ):
        status, page = give(guarded.visitor("support"), **fields)
        assert status == 400
        assert "no failure mode is chosen" in page
    assert selected(guarded.store, "SELECT count(*) FROM labels") == before


def test_a_foreign_form_labels_nothing(guarded: Guarded) -> None:
    """Another site cannot post for who is logged in; who is not logged in is asked who they are."""
    fields = {"attempt": "attempt-33", "mode": "phone_side"}
    visitor = guarded.visitor("support")
    assert visitor.post("/label", {"form_token": "guessed", **fields}).status == 403
    token = visitor.form_token(PAGE)
    foreign = visitor.post("/label", {"form_token": token, **fields}, Origin="https://evil.example")
    stranger = Visitor(guarded.url).post("/label", {"form_token": token, **fields})
    assert (foreign.status, stranger.status) == (403, 403)
    assert not any(one["action"] == "label" for one in looks_in(guarded.audit))


def test_a_monitor_that_takes_no_labels_is_told(guarded: Guarded) -> None:
    """A monitor writes to the store, and this console has no token for it."""
    with held_by_monitor(guarded.store):
        status, page = give(guarded.visitor("support"), mode="phone_side")
    assert status == 503
    assert "messages.actions_token_file" in page


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", ("How often are we right here", "Right among three", "have a label in this time")),
     ("fr", ("Justesse des diagnostics ici", "Justes parmi trois", "trop peu pour conclure"))],
)  # fmt: skip
def test_how_often_we_are_right(guarded: Guarded, language: str, said: tuple[str, ...]) -> None:
    """Per mode and per wire, with a chart of both axes; few labels are said to be few."""
    page = guarded.visitor("cto", Accept_Language=language).get("/right").text
    for text in (*said, "/mode/undervoltage_cutout", 'class="dot"', 'class="ideal"'):
        assert text in page


def test_the_chart_has_the_diagonal_of_true_probabilities() -> None:
    """A point on it was right as often as it said; without labels there is no chart."""
    chart = reliability_of([(0.25, 0.25, 8), (1.0, 0.5, 2)])
    assert chart is not None
    assert chart.dots == [(25.0, 75.0, 8), (100.0, 50.0, 2)]
    assert chart.path == "M250.0 150.0L1000.0 100.0"
    assert [tick.percent for tick in chart.ticks] == [0, 25, 50, 75, 100]
    assert reliability_of([]) is None
