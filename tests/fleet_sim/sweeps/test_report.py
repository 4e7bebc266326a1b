"""The report of a sweep."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from fleet_sim.results import readable
from fleet_sim.sweeps.plan import SweepPlan, SweptKey, plan_sweep
from fleet_sim.sweeps.plots import sweep_plots
from fleet_sim.sweeps.point import PointRecord
from fleet_sim.sweeps.report import reproduction, worst_first, write_sweep_report
from fleet_sim.sweeps.settings import Setting, spread_words
from tests.helpers.browser import on_a_telephone, open_page, read_page
from tests.helpers.sweeps import plan, record


def page(directory: Path) -> str:
    """Return the report of eight runs, two of them bad and one failed."""
    the_plan = plan(directory, "fleet.count=5,50", seeds=4)
    shares = {"5": (0.9, 0.8, 0.4, 0.7), "50": (0.3, 1.0, 0.9)}
    records = [
        record(seed, share, fleet__count=count)
        for count, row in shares.items()
        for seed, share in enumerate(row, start=1)
    ]
    records.append(record(4, 0, error="ValueError: <b>", fleet__count="50"))
    path = write_sweep_report(directory, the_plan, records)
    return path.read_text(encoding="utf-8")


def test_it_says_what_held_and_how_to_do_the_worst_again(tmp_path: Path) -> None:
    """Counts by setting, the worst first, each with its command, and a row for what is expected.

    No request leaves the page, and equal inputs give equal bytes.
    """
    text = page(tmp_path)
    assert page(tmp_path) == text
    assert "default-src 'none'" in text
    assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=[\"']?http", text)
    assert not [*tmp_path.glob("*.tmp")]
    assert "Every expectation held in 5 of 7 runs. 1 run failed" in text
    assert "3 of 4" in text
    assert "2 of 3" in text
    scenario = tmp_path / "garage.yaml"
    command = f"fleet-sim run {scenario} --mode virtual --seed"
    found = re.findall(rf"{re.escape(command)} (\d) --set fleet.count=(\d+)", text)
    assert found == [("4", "50"), ("1", "50"), ("3", "5")]
    assert f"fleet-sim sweep {scenario} --seeds 4 --first-seed 1 --set fleet.count=5,50" in text
    assert "ValueError: &lt;b&gt;" in text
    shown = read_page(text).text
    assert "Where not in all, by fleet.count." in shown
    assert "attempts.ok_share ≥ 0.5 5 of 7 5: 3 of 4; 50: 2 of 3" in shown
    value = "[{kind: burst, count: 9, duration_s: 5}]"
    one = plan_sweep(scenario, [f"load.stages={value}"], seeds=1)
    quoted = reproduction(one, record(1, 0.1, load__stages=value))
    assert quoted.endswith(f"--seed 1 --set 'load.stages={value}'")


def test_texts_from_outside_run_no_script(tmp_path: Path) -> None:
    """A script in the scenario's description, in a swept value or in a key is shown as text."""
    script = "<script>alert(1)</script>"
    swept = (SweptKey("fleet.count", (script,)),)
    text = f"description: {script}"
    the_plan = SweepPlan(tmp_path / f"{script[:8]}.yaml", text, swept, range(1, 2))
    verdict = {"key": script, "condition": {"min": 1}, "holds": False}
    records = [PointRecord(setting={"fleet.count": script}, seed=1, expect=[verdict])]
    source = write_sweep_report(tmp_path, the_plan, records).read_text(encoding="utf-8")
    assert script not in source
    escaped = "&lt;script&gt;alert(1)&lt;/script&gt;"
    shown = source.replace("<wbr>", "")
    assert shown.count(f"<td><code>{escaped}</code></td>") == 2
    assert f"<pre>description: {escaped}</pre>" in source
    assert "<title>&lt;script&gt;, a sweep</title>" in source


def test_each_setting_has_its_points_and_its_bounds() -> None:
    """One box a setting, one point a run, and a line for what is expected."""
    settings = [
        Setting({"platform.door": "mqtt"}, [record(1, 0.9), record(2, 0.4)]),
        Setting({"platform.door": "http"}, [record(1, 0.8), record(2, 0, error="X")]),
    ]
    drawn = {plot.name: plot for plot in sweep_plots(settings)}
    holds = msgspec.json.decode(drawn["holds"].as_json())
    assert holds["data"][0]["y"] == [0.5, 1.0]
    spread = msgspec.json.decode(drawn["spread-0"].as_json())
    assert [box["y"] for box in spread["data"]] == [[0.9, 0.4], [0.8]]
    assert [shape["y0"] for shape in spread["layout"]["shapes"]] == [0.5, 0.5]
    assert spread["layout"]["xaxis"]["ticktext"] == ["mqtt", "http"]
    assert spread["layout"]["xaxis"]["title"]["text"] == "platform.door"


def test_numbers_of_one_key_make_a_line() -> None:
    """From the least to the greatest, however the command has them; the key is the title."""
    settings = [
        Setting({"fleet.count": count}, [record(1, share), record(2, share - 0.2)])
        for count, share in (("1e3", 0.7), ("50", 0.9), ("200", 0.8))
    ]
    figure = msgspec.json.decode(plot_of(settings, "spread-0"))
    least, greatest, runs, median, bound = figure["data"]
    assert [trace["x"] for trace in (least, greatest, median, bound)] == [[50, 200, 1000]] * 4
    assert greatest["y"] == [0.9, 0.8, 0.7]
    assert median["y"] == pytest.approx([0.7, 0.6, 0.5])
    assert bound["y"] == [0.5] * 3
    assert len(runs["x"]) == 6
    axis = figure["layout"]["xaxis"]
    assert axis["title"]["text"] == "fleet.count"
    assert axis["ticktext"] == ["50", "200", "1e3"]


def test_two_keys_make_a_map() -> None:
    """A cell for each setting, its median in it, and how often what is expected held."""
    settings = [
        Setting(
            {"fleet.count": count, "load.deadline_s": deadline},
            [record(1, share), record(2, share), record(3, 0.4)],
        )
        for count, deadline, share in (
            ("50", "9", 0.9), ("50", "10", 0.8), ("5", "9", 0.7), ("5", "10", 0.3),
        )
    ]  # fmt: skip
    figure = msgspec.json.decode(plot_of(settings, "spread-0"))
    (cells,) = figure["data"]
    assert cells["z"] == [[0.7, 0.3], [0.9, 0.8]]
    assert cells["text"][0] == ["70 %<br>✗ 2 of 3", "30 %<br>✗ 0 of 3"]
    assert figure["layout"]["yaxis"]["title"]["text"] == "fleet.count"
    assert figure["layout"]["yaxis"]["ticktext"] == ["5", "50"]
    assert figure["layout"]["xaxis"]["title"]["text"] == "load.deadline_s"
    assert figure["layout"]["xaxis"]["ticktext"] == ["9", "10"]


def test_long_and_many_labels_are_shortened() -> None:
    """Three keys give values as labels, at most sixteen of them, and none without end."""
    settings = [
        Setting({"a": "x" * 90, "b": f"b{b}", "c": f"c{c}"}, [record(1, 0.5 + b / 50)])
        for b in range(10)
        for c in range(5)
    ]
    settings.append(Setting({"a": "y", "b": "b0", "c": "c0"}, [record(1, 0.9)]))
    axis = msgspec.json.decode(plot_of(settings, "spread-0"))["layout"]["xaxis"]
    assert len(axis["ticktext"]) <= 16
    assert max(map(len, axis["ticktext"])) == 22
    assert axis["title"]["text"] == "a,<br>b,<br>c"


def plot_of(settings: list[Setting], name: str) -> str:
    """Return the figure of a plot as JSON."""
    return next(plot for plot in sweep_plots(settings) if plot.name == name).as_json()


def test_what_is_the_same_in_every_run_is_said_not_drawn(tmp_path: Path) -> None:
    """A plot of one value is a line of text; where no run ended there is nothing to draw."""
    assert sweep_plots([Setting({}, [record(1, 0, error="X")])]) == []
    the_plan = plan(tmp_path, seeds=2)
    records = [record(1, 0.9), record(2, 0.9)]
    assert sweep_plots([Setting({}, records)]) == []
    report = write_sweep_report(tmp_path, the_plan, records)
    text = read_page(report.read_text(encoding="utf-8")).text
    assert "The same in every run attempts.ok_share 90 %" in text


def test_an_expectation_on_a_part_of_the_fleet_is_drawn(tmp_path: Path) -> None:
    """What differs from run to run has its plot, and is not called the same in every run."""
    key = "by.firmware.2.5.0.ok_share"
    verdict = {"key": key, "condition": {"min": 0.5}, "holds": True}
    records = [
        msgspec.structs.replace(record(seed, 0.9, measured={key: share}), expect=[verdict])
        for seed, share in ((1, 0.7), (2, 0.6))
    ]
    assert [plot.title for plot in sweep_plots([Setting({}, records)])] == [key]
    report = write_sweep_report(tmp_path, plan(tmp_path, seeds=2), records)
    text = read_page(report.read_text(encoding="utf-8")).text
    assert f"{key} {readable.NOTHING}" not in text


@pytest.mark.browser
def test_a_map_is_drawn_and_read_on_a_telephone(tmp_path: Path) -> None:
    """Chromium draws the cells with their words; no word of the page is broken at 400 pixels."""
    the_plan = plan(tmp_path, "fleet.count=5,50", "load.deadline_s=15,20", seeds=1)
    records = [
        record(1, int(count) * int(deadline) / 1000, fleet__count=count, load__deadline_s=deadline)
        for count in ("5", "50")
        for deadline in ("15", "20")
    ]
    report = write_sweep_report(tmp_path, the_plan, records)
    opened = open_page(report)
    assert opened.requests == []
    assert opened.page.counts["g.heatmap-label"] == 8
    assert "✗ 0 of 1" in opened.page.text
    assert on_a_telephone(report) == "broken: [], wide: false."


def test_the_worst_are_failed_then_most_broken_then_slowest() -> None:
    """What went well is not among them."""
    records = [
        record(1, 0.4, p95_s=2),
        record(2, 0.9),
        record(3, 0.4, p95_s=9),
        record(4, 0.1),
        record(5, 0, error="X"),
        record(6, 0.4, p95_s=None),
    ]
    assert [one.seed for one in worst_first(records)] == [5, 4, 6, 3, 1]


def test_a_quantile_that_a_run_did_not_reach_is_the_greatest() -> None:
    """Leaving it out would make the setting look better, the worse it is."""
    setting = Setting({}, [record(1, 0.99, p95_s=4), record(2, 0.5, p95_s=None), record(3, 0.97)])
    assert spread_words(setting, "unlock.p95_s") == f"3 s · 4 s · {readable.NOTHING}"
    assert spread_words(Setting({}, []), "unlock.p95_s") == readable.NOTHING
