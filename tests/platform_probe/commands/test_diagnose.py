"""`platform-probe diagnose`: one unlock found by whatever is known of it, and told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from fleet_sim.scenario.form import Scenario
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.contract.attempt import PlatformSide, StrayAnswer, StrayKind
from fleet_wire.contract.causes import Cause, Outcome
from fleet_wire.contract.diagnosis import Diagnosis, RankedMode
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep, encode_event
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.facts import FACTS, Fact
from platform_probe.__main__ import main
from platform_probe.store.layout import make_store
from platform_probe.tell.support.believed import TOLD_FROM
from tests.helpers.busy_store import make_busy_store
from tests.helpers.diagnoses import diagnosis_of
from tests.helpers.places import ROOT
from tests.helpers.stores import BEGIN_S, KeptStores, put_lines, put_unlocks, unlock
from tests.helpers.virtual_runs import run_virtually


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, kept_stores: KeptStores) -> Path:
    """Return a store in which everything has happened once."""
    return kept_stores.keep(make_busy_store(tmp_path_factory.mktemp("busy") / "store"))


GARAGES: dict[str, Any] = {
    "description": "one of three garages has no coverage",
    "fleet": {
        "groups": [
            {"name": "street", "count": 60},
            {"name": "p1", "count": 30, "site": "garage-p1"},
            {"name": "p2", "count": 30, "site": "garage-p2"},
            {"name": "p3", "count": 30, "site": "garage-p3", "box": {"keepalive_s": 5}},
        ]
    },
    "load": {"stages": [{"kind": "constant", "rate_per_s": 8, "duration_s": 40}]},
    "faults": [
        {
            "name": "no_coverage_garage",
            "target": {"site": "garage-p3"},
            "window": {"start_s": 5, "end_s": 55},
        }
    ],
}
REACHED = "the box had the command, and the box did not say how it ended"


def told(*words: str | Path) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["diagnose", *map(str, words)])


def case(*words: str | Path) -> dict[str, Any]:
    """Return what the command says as JSON."""
    result = told(*words, "--json")
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_story_is_told_in_order(store: Path) -> None:
    """Why, what to say and do, and who else; then from the phone to where it stopped."""
    result = told("car-03", "--at", "00:00:03", "--store", store)
    assert result.exit_code == 0, result.output
    lines = [line.strip() for line in result.output.splitlines()]
    assert lines[0] == (
        "car-03 opened too late: Thu 1 Jan 2026 00:00:03 UTC, 56.0 s before the newest record"
    )
    headings = ("Why", "What to say", "What to do", "Who else", "What happened")
    places = [lines.index(heading) for heading in headings]
    assert places == sorted(places)
    assert "customer customer-3, booking booking-3" in lines[1]
    story = lines[lines.index("What happened") + 1 :]
    asked = next(place for place, line in enumerate(story) if "asks to open" in line)
    words = story[asked].split()
    assert words[:4] == ["00:00:03.001", "+0.001", "s", "phone"]
    assert " ".join(words[4:]) == "asks to open the car (app 7.3.0)"
    after = " ".join(story[asked:])
    for sentence in (
        "platform sends the command to the car",
        "box has the command",
        "monitor unknown: box_offline; the box did not say how it ended",
        "platform records unlock as expired",
        "box answers late: executed: the car has OPENED, too late",
    ):
        where = " ".join(after.split()).find(sentence)
        assert where >= 0, sentence
    assert "box_offline: The car's box has lost its connection" in result.output
    assert "the box was last heard of 1 min 14 s before the end" in result.output
    assert "Your car has opened after all." in result.output
    assert "Do not lock it before the customer says that they are not in it." in result.output
    assert "of 60 attempts since 00:00 failed in this way: too few to say" in result.output


def test_diagnosis_is_told_in_words(store: Path) -> None:
    """The likeliest mode with its reasons, what else, what was believed before, what to do."""
    text = told("--attempt", "attempt-33", "--store", store).output
    mode = MODES["generic_500"]
    why = text[text.index("\nWhy\n") : text.index("\nWhat to say\n")].splitlines()
    title = f"{mode.title[0].upper()}{mode.title[1:]}"
    assert [line.strip() for line in why[2:]] == [
        f"{title}: almost certainly (93 %).",
        mode.engineer,
        "api_failed: The platform did not answer the request, or answered with an error.",
        f"How far it got: {REACHED}. Probably at fault: the platform.",
        "Speaks for it:",
        "- the API answered 500 at 00:00:53",
        "Speaks against it:",
        f"- Expected, but not observed: {FACTS[Fact.MANY_FAIL].meaning}",
        "Or else:",
        f"- {MODES['app_gateway_outage'].title} (5 %)",
        "Earlier diagnoses:",
        f"- 20.0 s after the request: {MODES['app_gateway_outage'].title}, probably (72 %)",
        f"- 40.0 s later: {mode.title}, almost certainly (93 %)",
    ]
    assert f"What to say\n  {mode.spoken}\n" in text
    assert f"What to do\n  {mode.now}\n  Who must act: the platform team. {mode.mend}\n" in text


def test_unknown_is_said(store: Path) -> None:
    """Where nothing that we know fits, advice is by how far the unlock got."""
    found = case("--attempt", "attempt-41", "--store", store)
    assert found["diagnosis"]["mode"] == "unknown"
    assert found["say"].startswith("The car says that it is open")
    text = told("--attempt", "attempt-41", "--store", store).output
    assert "None of the known failure modes: perhaps (40 %)." in text


@pytest.mark.parametrize("words", [("--attempt", "complaint-1"), ("--customer", "customer-8")])
def test_complaint_about_an_unlock_that_nobody_saw(store: Path, words: tuple[str, ...]) -> None:
    """It is diagnosed under its own id, and found by its customer too."""
    found = case(*words, "--store", store)
    assert (found["attempt"], found["vehicle_id"]) == (None, "car-91")
    assert found["diagnosis"]["mode"] == "phone_side"
    assert found["say"] == MODES["phone_side"].spoken
    text = told(*words, "--store", store).output
    assert "A call about car-91, and no unlock that it is about: Thu 1 Jan" in text
    assert "  customer customer-8\n  call complaint-1\n" in text
    assert text.count("calls support; the app had shown: no connection") == 1
    assert "Who else\n  1 of 61 attempts since 00:00 failed in this way: too few" in text


@pytest.mark.parametrize(
    ("words", "attempt"),
    [
        (("--attempt", "attempt-33"), "attempt-33"),
        (("--attempt", "ATTEMPT-33 "), "attempt-33"),
        (("--command", "command-33"), "attempt-33"),
        (("--booking", "BOOKING-33", "--customer", "Customer-3"), "attempt-33"),
        (("--booking", "booking-33"), "attempt-33"),
        (("--trace", f"{33:032x}"), "attempt-33"),
        (("--customer", "customer-3"), "attempt-33"),
        (("--customer", "customer-3", "--at", "00:00:03"), "attempt-3"),
        (("--customer", "customer-3", "--attempt", "attempt-3"), "attempt-3"),
        (("car-05",), "attempt-33"),
        (("CAR-05",), "attempt-33"),
        (("car-03",), "attempt-17"),
        (("car-03", "--since", "00:00:18"), "attempt-59"),
        (("car-03", "--at", "00:00:04"), "attempt-3"),
        (("car-02",), "attempt-58"),
    ],
)
def test_unlock_is_found_by_what_is_known(
    store: Path, words: tuple[str, ...], attempt: str
) -> None:
    """By any id; by car and time; else the last that failed, or the last one."""
    assert case(*words, "--store", store)["attempt"]["attempt_id"] == attempt


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory, kept_stores: KeptStores) -> Path:
    """Return a store of a fleet that counts its commands in each car, as OVMS does."""
    store = tmp_path_factory.mktemp("numbered") / "store"
    unlocks = [
        unlock(number, car=car, command_id=f"{car}/app/{command}")
        for number, (car, command) in enumerate([("car-1", "a1"), ("car-2", "a2"), ("car-3", "a1")])
    ]
    asked = [
        PlatformEvent(PlatformStep.REQUESTED, BEGIN_S + 5, "r", "command_status", command_id=one)
        for one in ("a1", "a2", "a3")
    ]
    put_unlocks(store, unlocks)
    put_lines(store, "platform_events", map(encode_event, asked))
    return kept_stores.keep(store)


@pytest.mark.parametrize(
    ("words", "attempt"),
    [
        (("--command", "car-2/app/a2"), "attempt-1"),
        (("--command", "a2"), "attempt-1"),
        (("--command", " A2"), "attempt-1"),
        (("--command", "a1"), "attempt-2"),
        (("car-1", "--command", "a1"), "attempt-0"),
        (("--booking", "booking-0", "--command", "a1"), "attempt-0"),
    ],
)
def test_a_command_is_found_by_what_the_api_calls_it(
    numbered: Path, words: tuple[str, ...], attempt: str
) -> None:
    """That is the last part of its id on the wire; of several cars it is the last one's."""
    assert case(*words, "--store", numbered)["attempt"]["attempt_id"] == attempt


def test_a_command_of_another_booking_is_said_to_be(numbered: Path) -> None:
    """By its whole id."""
    result = told("--booking", "booking-1", "--command", "a1", "--store", numbered)
    assert "Booking 'booking-1' has command 'car-2/app/a2', not 'a1'" in result.output


@pytest.fixture(scope="module")
def unnamed(tmp_path_factory: pytest.TempPathFactory, kept_stores: KeptStores) -> Path:
    """Return a store in which the platform answered and forgot a request of customer-3.

    It names a booking, of which another unlock and the log say whose it is. Then it sent the next
    command twice.
    """
    store = tmp_path_factory.mktemp("unnamed") / "store"
    nobody = PlatformSide(status=200)
    booked: dict[str, Any] = {"car": "car-03", "booking_id": "booking-a"}
    unsent = {"requested": 0.001, "api_answered": 0.01}
    cause = Cause.NOT_PUBLISHED
    put_unlocks(
        store,
        [
            unlock(3, **booked, platform=nobody, cause=cause, stages=unsent),
            unlock(8, **booked),
            unlock(18, car="car-04", booking_id="booking-b", platform=nobody, cause=cause),
        ],
    )
    said: dict[str, Any] = {
        "trace_id": f"{8:032x}",
        "command_id": "command-8",
        "operation": "unlock",
    }
    sent = [
        PlatformEvent(PlatformStep.PUBLISHED, at, "r8", vehicle_id="car-03", **said)
        for at in (BEGIN_S + 8.25, BEGIN_S + 16.25)
    ]
    book = PlatformEvent(
        PlatformStep.ANSWERED, BEGIN_S, "r0", "book",
        vehicle_id="car-04", booking_id="booking-b", account_id="customer-9",
    )  # fmt: skip
    put_lines(store, "platform_events", map(encode_event, [book, *sent]))
    again = StrayAnswer(
        kind=StrayKind.DUPLICATE, vehicle_id="car-03", command_id="command-8", phase="executed",
        at=BEGIN_S + 17, attempt_id="attempt-8",
    )  # fmt: skip
    put_lines(store, "stray_answers", [msgspec.json.encode(again)])
    return kept_stores.keep(store)


@pytest.mark.parametrize(
    ("words", "attempt", "customer"),
    [
        (("--customer", "customer-3"), "attempt-3", "customer-3"),
        (("--customer", "customer-3", "--at", "00:00:08"), "attempt-3", "customer-3"),
        (("--booking", "booking-a", "--customer", "customer-3"), "attempt-3", "customer-3"),
        (("--attempt", "attempt-3"), "attempt-3", "customer-3"),
        (("--customer", "customer-9"), "attempt-18", "customer-9"),
        (("car-04",), "attempt-18", "customer-9"),
    ],
)
def test_whose_unlock_it_was_its_booking_says(
    unnamed: Path, words: tuple[str, ...], attempt: str, customer: str
) -> None:
    """Where the request's own lines name nobody."""
    found = case(*words, "--store", unnamed)["attempt"]
    assert (found["attempt_id"], found["account_id"]) == (attempt, customer)


def test_a_command_that_was_sent_again_is_told(unnamed: Path) -> None:
    """And that the box answered it once more: it has not opened the car again."""
    story = case("--attempt", "attempt-8", "--store", unnamed)["timeline"]
    said = [line["what"] for line in story]
    assert said.count("sends the command to the car") == 1
    assert said.count("sends the command for unlock again") == 1
    assert "answers once more: executed" in said


def test_commands_of_several_presses_are_told_apart(tmp_path: Path) -> None:
    """Each has a number; one ends before the next is sent, whichever was written first."""
    store = tmp_path / "store"
    put_unlocks(store, [unlock(20, car="car-1", cause=Cause.BOX_OFFLINE)])
    events: list[PlatformEvent] = []
    for number, second in enumerate((1.0, 5.0, 9.0)):
        its: dict[str, Any] = {
            "vehicle_id": "car-1",
            "trace_id": f"{number:032x}",
            "command_id": f"c{number}",
        }
        for step, after_s in ((PlatformStep.PUBLISHED, 0.0), (PlatformStep.ENDED, 4.0)):
            outcome = "expired" if after_s else None
            at = BEGIN_S + second + after_s
            events.append(PlatformEvent(step, at, f"r{number}", "unlock", outcome=outcome, **its))
    put_lines(store, "platform_events", map(encode_event, sorted(events, key=lambda one: one.at)))
    story = case("--attempt", "attempt-20", "--store", store)["timeline"]
    assert [line["what"] for line in story if line["who"] == "platform"][:6] == [
        "sends the command for unlock no. 1",
        "records unlock no. 1 as expired",
        "sends the command for unlock no. 2",
        "records unlock no. 2 as expired",
        "sends the command for unlock no. 3",
        "records unlock no. 3 as expired",
    ]


def test_a_car_for_which_another_may_have_answered_is_not_said_to_be_open(tmp_path: Path) -> None:
    """Two boxes throw each other out: whichever was connected has opened."""
    often, once = ({"broker_said": {"taken_over": count}} for count in (4, 1))
    put_unlocks(tmp_path / "store", [unlock(1, evidence=often), unlock(2, evidence=once)])
    doubtful = told("--attempt", "attempt-1", "--store", tmp_path / "store").output
    assert "car-01 is said to have opened, perhaps by another car:" in doubtful
    assert "Another car may have opened instead of yours. Please do not press again" in doubtful
    assert "The car says that it is open" not in doubtful
    assert "the car is open" not in doubtful
    found = case("--attempt", "attempt-1", "--store", tmp_path / "store")
    assert found["explanation"] == "The car is said to have opened, perhaps by another car."
    other = case("car-02", "--store", tmp_path / "store")
    assert other["say"].startswith("The car says that it is open")


@pytest.mark.parametrize(
    ("mode", "probability", "is_looked_at"),
    [("attack_replay", 0.72, True), ("attack_replay", 0.2, False), ("auto_relock", 0.72, False)],
)
def test_of_a_possible_attack_the_security_team_hears(
    tmp_path: Path, mode: str, probability: float, *, is_looked_at: bool
) -> None:
    """Below what is told a customer, who hears what they would hear anyway."""
    put_unlocks(tmp_path / "store", [unlock(1)])
    made = diagnosis_of(
        RankedMode(mode, probability), attempt_id="attempt-1", outcome=Outcome.OK, cause=None
    )
    put_lines(tmp_path / "store", "diagnoses", [msgspec.json.encode(made)])
    found = case("--attempt", "attempt-1", "--store", tmp_path / "store")
    assert found["say"].startswith("The car says that it is open")
    assert ("Ask the security team to look at it." in found["do"]) is is_looked_at
    assert (found["acts"] == "security team") is is_looked_at


def test_records_that_end_soon_after_say_so(tmp_path: Path) -> None:
    """A diagnosis changes for ten minutes; of an unlock that went well nothing is open."""
    store = tmp_path / "store"
    failed = unlock(1, cause=Cause.BOX_SILENT)
    put_unlocks(store, [failed, unlock(10), unlock(599, cause=Cause.BOX_SILENT)])
    assert (
        "Records end 9 min 58 s after this unlock: more may"
        in told("car-01", "--attempt", "attempt-1", "--store", store).output
    )
    put_unlocks(store, [unlock(601)])
    assert "Records end" not in told("--attempt", "attempt-1", "--store", store).output
    assert "Records end" not in told("--attempt", "attempt-10", "--store", store).output
    assert "Records end 2.0 s after" in told("--attempt", "attempt-599", "--store", store).output


def test_times_are_in_the_zone(store: Path) -> None:
    """Both those that are asked about and those that are told."""
    words = ("car-03", "--store", store, "--zone", "Asia/Tokyo")
    found = case(*words, "--at", "09:00:03")
    assert found["at"] == "2026-01-01T09:00:03.000+09:00"
    assert found["attempt"]["started_at"] == found["at"]
    assert found["timeline"][0]["after_s"] < 0
    assert "Thu 1 Jan 2026 09:00:17 JST" in told(*words).output


def test_nothing_at_that_time_is_said(store: Path) -> None:
    """The request never came: what is known of the car is told, and when else it was opened."""
    words = ("car-03", "--at", "2025-12-31 23:30", "--store", store)
    result = told(*words)
    assert result.exit_code == 0
    assert "No unlock of car-03 is known around Wed 31 Dec 2025 23:30:00 UTC" in result.output
    assert "No request to open it reached the platform or the broker at that time." in result.output
    assert "--attempt attempt-17" in result.output
    assert case(*words)["attempt"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--at", "2025-12-31 21:00"), "The records here begin at Wed 31 Dec 2025 22:00"),
        (("--at", "2026-01-03 12:00"), "The records here end at Thu 1 Jan 2026 00:01"),
        (("--since", "2026-01-03 12:00"), "nothing was recorded then"),
    ],
)
def test_a_time_without_records_is_no_answer(
    store: Path, words: tuple[str, ...], message: str
) -> None:
    """Nothing was recorded, which says nothing of what the customer did."""
    result = told("car-03", *words, "--store", store)
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert "reached the" not in result.output


def test_a_time_after_the_last_unlock_is_of_today(tmp_path: Path) -> None:
    """Nobody has opened a car since, and others were heard of: it is not yesterday's."""
    put_unlocks(tmp_path, [unlock(0)])
    heard = {"at": BEGIN_S + 600.0, "kind": "telemetry", "vehicle_id": "car-09", "message": {}}
    put_lines(tmp_path, "observations", [msgspec.json.encode(heard)])
    found = case("car-00", "--at", "00:05", "--store", tmp_path)
    assert found["attempt"]["attempt_id"] == "attempt-0"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("car-3",), "Inconnu de cette archive : voiture « car-3 ». Les plus proches : car-03"),
        (("car-03", "--at", "noon"), "« noon » ne se lit pas comme une heure."),
        (("car-03", "--zone", "Europe/Pariss"), "Vouliez-vous dire « Europe/Paris » ?"),
        (
            ("car-03", "--at", "2025-12-31 21:00", "--zone", "Europe/Paris"),
            "Les enregistrements commencent ici le 31/12/2025 23:00:00 CET.",
        ),
    ],
)
def test_an_error_is_in_the_language_and_zone_of_the_command(
    store: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    """By its option, else by the settings."""
    config = tmp_path / "probe.yaml"
    config.write_text('{messages: {language: fr, webhooks: [{name: a, url: "http://h"}]}}')
    for chosen in (("--language", "fr"), ("--config", config)):
        result = told(*words, "--store", store, *chosen)
        assert result.exit_code == 2
        assert message in result.output


@pytest.mark.parametrize(
    ("language", "beginning"), [("en", "reproduce: "), ("fr", "à reproduire : ")]
)
def test_the_command_that_reproduces_it_stands_at_the_end(
    store: Path, language: str, beginning: str
) -> None:
    """Its name is in the language of all else."""
    result = told("--attempt", "attempt-33", "--store", store, "--language", language)
    last = result.output.splitlines()[-1]
    assert last.startswith(f"{beginning}platform-probe export --attempt attempt-33")


def test_a_store_without_records_says_so(tmp_path: Path) -> None:
    """A monitor has just begun."""
    make_store(tmp_path / "store")
    result = told("--booking", "b-1", "--at", "08:15", "--store", tmp_path / "store")
    assert result.exit_code == 2
    assert "No booking 'b-1' is in this store" in result.output


def test_booking_without_an_unlock_is_told_from_the_log(store: Path) -> None:
    """The platform's log knows it, and no unlock came."""
    found = case("--booking", "booking-90", "--store", store)
    assert found["attempt"] is None
    assert [entry["what"] for entry in found["timeline"]] == ["answers book 201"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "name a car, or one of --booking"),
        (("car-3",), "No car 'car-3' is in this store. Nearest: car-03"),
        (("3",), "Nearest: car-03"),
        (("ghost-77",), "No car 'ghost-77' is in this store"),
        (("car'03",), "No car 'car'03' is in this store. Nearest: car-03"),
        (
            ("--booking", "booking-3x"),
            "No booking 'booking-3x' is in this store. Nearest: booking-3",
        ),
        (("--booking", "33"), "Nearest: booking-33"),
        (("--command", "COMMAND 33"), "Nearest: command-33"),
        (("--booking", "customer-3"), "It is an id of another kind: ask by --customer"),
        (("--booking", "booking-5"), None),
        (("--attempt", "attempt-"), "No unlock 'attempt-' is in this store. Nearest: attempt-"),
        (("--customer", "' OR 1=1 --"), "No customer '' OR 1=1 --' is in this store"),
        (("--trace", "%"), "No trace '%' is in this store"),
        (
            ("car-03", "--at", "2026-02-30"),
            "'2026-02-30' does not exist: days of 2026-02 are 1 to 28",
        ),
        (("car-03", "--at", "noon"), "'noon' cannot be read as a time"),
        (("car-03", "--zone", "Mars/Base"), "No time zone is called 'Mars/Base'"),
        (("car-03", "--booking", "booking-33"), "Booking 'booking-33' has car 'car-05', not"),
    ],
)
def test_mistakes_are_named(store: Path, words: tuple[str, ...], message: str | None) -> None:
    """With the nearest that there is, and exit code 2."""
    result = told(*words, "--store", store)
    if message is None:
        assert result.exit_code == 0, result.output
    else:
        assert result.exit_code == 2, result.output
        assert message in result.output


def test_a_run_is_diagnosed_right_after_it(tmp_path: Path) -> None:
    """With nothing but its directory: the garage is what those who failed have in common."""
    scenario = load_scenario(ROOT / "scenarios" / "underground_garage.yaml")
    run_virtually(scenario, tmp_path / "run", seed=7)
    found = case("garage-00007", "--run", tmp_path / "run")
    assert found["cause"] in ("box_silent", "box_offline", "box_asleep")
    (cohort,) = found["who_else"]["cohorts"]
    assert cohort["traits"] == {"region": "garage"}
    assert cohort["failures"] > 10
    text = told("garage-00007", "--run", tmp_path / "run").output
    assert "are region garage:" in text
    assert "This car is one of them." in text
    assert found["diagnosis"]["title"] in text.lower()
    (incident,) = found["incidents"]
    assert f"Known problem\n  {incident['title']}" in text
    garage = MODES["no_coverage_garage"]
    assert (incident["state"], garage.title in incident["title"]) == ("open", True)
    assert found["diagnosis"]["probability"] < TOLD_FROM  # by itself: the incident knows of more
    assert found["say"].startswith(garage.customer)


def test_the_garage_among_several_is_named(tmp_path: Path) -> None:
    """Cars of one region and operator, of which those of one site lose their coverage."""
    scenario = Scenario.model_validate(GARAGES)
    run_virtually(scenario, tmp_path / "run", seed=7)
    found = case("p3-00007", "--run", tmp_path / "run")
    (cohort,) = found["who_else"]["cohorts"]
    assert cohort["traits"] == {"site": "garage-p3"}
    (incident,) = found["incidents"]
    assert incident["title"].startswith("Site garage-p3: ")
    text = told("p3-00007", "--run", tmp_path / "run").output
    assert "hardware tcu-1, site garage-p3" in text
    assert "are site garage-p3:" in text
    of_street = case("street-00007", "--run", tmp_path / "run")
    assert "site" not in of_street["attempt"]


def test_retries_of_the_platform_are_no_attack(tmp_path: Path) -> None:
    """Where a part of it hangs it sends again what the car has done, and the box answers again."""
    scenario = load_scenario(
        ROOT / "scenarios" / "shared_sub_stuck_consumer.yaml",
        ["platform.retry_after_s=8", "fleet.count=120"],
    )
    run_virtually(scenario, tmp_path / "run", seed=7)
    records = (tmp_path / "run" / "attempts.jsonl").read_bytes().splitlines()
    assert any(b'"sent_again"' in line for line in records)
    lines = (tmp_path / "run" / "diagnoses.jsonl").read_bytes().splitlines()
    told = [msgspec.json.decode(line, type=Diagnosis) for line in lines]
    assert "attack_replay" not in {one.modes[0].mode for one in told}
    assert "shared_sub_stuck_consumer" in {one.modes[0].mode for one in told}
