"""Mistakes in a command line: each is one line that says what would do, before anything starts."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from fleet_sim.runs.live.shard_number import MAX_SHARDS
from tests.helpers import sweeps
from tests.helpers.commands import SCENARIO, write_scenario
from tests.helpers.own_commands import run_here

NOBODY = "--broker mqtt://127.0.0.1:1"
CUSTOMERS = "customers: {stages: [{kind: constant, rate_per_s: 1, duration_s: 5}]}\n"
FULL = "faults: [{name: queue_full_drop, window: {start_s: 0, end_s: 1}}]\n"
ACL = "faults: [{name: acl_denied_silent, window: {start_s: 0}}]\n"
TRUTH = "truth --mode control --out run"
SWEEP = "sweep garage.yaml --out sweep"
NO_UNIT = "expected 0.5% for shares, or 200ms or 0.2s for times"

MISTAKES = [
    *(
        (f"{command} scenario.yaml {NOBODY} {options}", said)
        for command in ("boxes", "run")
        for options, said in (
            ("--broker-password-file none", "--broker-password-file: none: No such file"),
            ("--fleet-secret-file none", "--fleet-secret-file: none: No such file"),
            ("--box-password-file none", "--box-password-file: needs --box-user"),
            ("--box-user x --box-password-file none", "--box-password-file: none: No such"),
            ("--box-credentials none.csv", "--box-credentials none.csv: No such file"),
            ("--box-cert-file {vehicle_id}.pem", "--box-cert-file: needs a broker with TLS"),
            ("--box-user x --box-credentials none.csv", "--box-credentials: has user and password"),
            ("--box-key-file x", "--box-key-file: needs --box-cert-file"),
            ("--box-cert-file one.pem", "expected {vehicle_id} in it"),
        )
    ),
    ("run scenario.yaml --box-user x", "need --broker"),
    (f"run scenario.yaml --listen {'h' * 70}:1", "is no host"),
    ("run wrong.yaml", "wrong.yaml:11: fleet.groups.0.box.actuaton"),
    ("run wrong.yaml", "did you mean 'actuation'?"),
    ("run scenario.yaml --mode virtual --control socket", "in virtual time nobody could inject"),
    ("run scenario.yaml --processes 2 --control socket", "drills reach boxes of one process"),
    ("run scenario.yaml --mode virtual --processes 2", "in virtual time all is in this process"),
    ("run customers.yaml --processes 2", "customers open doors"),
    ("run acl.yaml --processes 2", "fault acl_denied_silent acts on the broker"),
    (f"run full.yaml {NOBODY}", "settings we choose: the broker of --broker is not ours; leave it"),
    ("run full.yaml --private-broker iotcore", "iotcore has no such settings; use mosquitto, or"),
    ("run scenario.yaml --processes 31", "--processes 31: at most 30, for 30 boxes"),
    (f"boxes scenario.yaml {NOBODY} --shard 1/3 --processes 11", "at most 10, for 10 boxes"),
    ("run customers.yaml --platform http://127.0.0.1:1", "--platform: needs --broker"),
    (f"run customers.yaml {NOBODY} --platform ftp://x", "expected http:// or https:// and a host"),
    (f"boxes customers.yaml {NOBODY} --platform ftp://x", "expected http:// or https:// and a"),
    (f"boxes customers.yaml {NOBODY} --platform http://h --shard 1/2", "one process plays all"),
    (f"boxes scenario.yaml {NOBODY} --platform http://h", "the scenario has no `customers`"),
    *(
        (f"boxes scenario.yaml {NOBODY} --wait={value}", "Invalid value for '--wait'")
        for value in ("nan", "inf", "-1", "1e300", "soon")
    ),
    (f"platform scenario.yaml {NOBODY} --wait 0.2", "no platform could connect in 0.2 s"),
    (f"platform scenario.yaml {NOBODY} --wait 0.2", "does the broker run"),
    (f"platform scenario.yaml {NOBODY} --client-id a/b", "1 to 64 letters"),
    (f"platform scenario.yaml {NOBODY} --log-file no/log", "No such file or directory"),
    *(
        (f"platform scenario.yaml {NOBODY} --customer={name}", "--customer")
        for name in ("", "'a b'", "ü", "x" * 65, "'a\nb'")
    ),
    ("asyncapi --profile ovm", "did you mean 'ovms'?"),
    ("profile check nobody", "nobody"),
    ("compare . nowhere", "is it the directory of a run"),
    *(
        (f"compare . . --tolerate='{text}'", NO_UNIT)
        for text in ("1", "5 %", "-1%", "1m", "nan%", "٣%", "")
    ),
    ("faults no_coverage_garag", "fleet-sim: unknown fault 'no_coverage_garag'; did you mean 'no_"),
    ("inject door_frozen --for 5m", "--control"),
    ("shrink scenario.yaml --keep attempts.by_cause.box_ofline", "did you mean 'attempts.by_cause"),
    ("shrink scenario.yaml --out scenario.yaml", "is SCENARIO itself"),
    ("test empty", "empty: no *.yaml there"),
    ("run manifest.json", "manifest.json: code: missing; not a run's manifest?"),
    ("test scenario.yaml --out .", "fleet-sim: "),
    ("test scenario.yaml --junit scenario.yaml/result.xml", "fleet-sim: "),
    (f"{SWEEP} --seeds 0", "--seeds 0: expected at least 1"),
    (f"{SWEEP} --seeds 2 --set fleet.count=", "expected KEY=V1,V2"),
    (f"{SWEEP} --seeds 2 --scheduler tcp://127.0.0.1:1 --jobs 2", "--jobs: "),
    (f"{SWEEP} --seeds 2 --scheduler tcp://127.0.0.1:1 --keep", "--keep: "),
    *(
        (f"{SWEEP} --seeds 3 --set '{text}'", said)
        for text, said in (
            ("fleet.count", "--set fleet.count: expected KEY=V1,V2"),
            ("=1,2", "--set =1,2: expected KEY=V1,V2"),
            ("fleet.count=1,,2", "an empty value"),
            ("fleet.count=1,2,1", "1 comes twice"),
            ("load.stages=[{kind: burst", "'}' is missing"),
            ("seed=1,2", "--seeds"),
            ("fleet.count=1,-1", "--set fleet.count=-1"),
            ("load.deadlin_s=5,6", "--set load.deadlin_s=5: load.deadlin_s: "),
            ("load.deadlin_s=5,6", "did you mean 'deadline_s'?"),
            ("load.deadline_s=15,5", "garage.yaml:14: faults.0.window.end_s: "),
            ("load.deadline_s=15,5", "(with load.deadline_s=5)"),
            (
                f"fleet.count={','.join(map(str, range(1, 2002)))}",
                "2001 combinations of values, at",
            ),
        )
    ),
    (
        f"{SWEEP} --seeds 1 --set fleet.count=1,2 --set fleet.count=3",
        "is swept already; give it one",
    ),
    (f"{SWEEP} --seeds 1 --first-seed=-1", "--first-seed -1: expected 0 to"),
    (f"{SWEEP} --seeds 100001", "at most 100000 runs in one sweep"),
    (f"{SWEEP} --seeds {2**64}", f"--seeds {2**64}: at most 100000 runs in one sweep"),
    ("sweep manifest.json --seeds 1", "a manifest is one run"),
    ("sweep wrong.yaml --seeds 1 --set fleet.count=1,2", "wrong.yaml:11: fleet.groups.0.box.act"),
    *(
        (f"boxes scenario.yaml {NOBODY} --shard={shard}", "expected K/N with 1 <= K <= N")
        for shard in ("0/4", "5/4", "4", "4/", "/4", "a/4", "-1/4", "1/0", "pod/", "pod/0", "POD/4")
    ),
    (f"boxes scenario.yaml {NOBODY} --shard 1/4/4", "expected K/N with 1 <= K <= N"),
    (f"boxes scenario.yaml {NOBODY} --shard ²/4", "expected K/N with 1 <= K <= N"),
    (f"boxes scenario.yaml {NOBODY} --shard 1/{MAX_SHARDS + 1}", "expected K/N with 1 <= K <= N"),
    (f"{TRUTH} apple", "client 'apple': expected NAME=COMMAND"),
    (f"{TRUTH} Mine=x", "client 'Mine=x': expected NAME=COMMAND"),
    (f"{TRUTH} a=x a=y", "client 'a': named twice"),
    (f'{TRUTH} "a=\'x"', "client 'a': \"'x\": No closing quotation"),
    (f"{TRUTH} a=none.yaml", "none.yaml: "),
    (f"{TRUTH} app --broker http://b", "http://b"),
    (f"{TRUTH} app --listen nowhere", "nowhere"),
    (f"{TRUTH} app --broker mqtt://localhost --mode queue_full_drop", "is not ours"),
    (f"{TRUTH} app --mode auto_relok", "did you mean 'auto_relock'?"),
    (f"{TRUTH} app --expect lots", "--expect 'lots': expected 90%"),
    (f"{TRUTH} app --expect auto_relock=1", "--expect 'auto_relock=1': a number of unlocks"),
    (f"{TRUTH} app --profile none", "none"),
    (f"{TRUTH} app=/no/such/program", "client 'app': '/no/such/program': no such program"),
    (f"{TRUTH} app=./manifest.json", "not executable: chmod +x ./manifest.json"),
    (f"{TRUTH} 'app= '", "client 'app': ' ': no such program"),
]


@pytest.mark.parametrize(("line", "said"), MISTAKES)
def test_a_mistake_is_said_and_nothing_is_begun(
    line: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With exit code 2, and without a file or run left behind."""
    write_scenario(tmp_path)
    for name, text in (
        ("wrong", SCENARIO.replace("actuation:", "actuaton:")),
        ("customers", SCENARIO + CUSTOMERS),
        ("acl", SCENARIO + ACL),
        ("full", SCENARIO + FULL),
        ("garage", sweeps.SCENARIO),
    ):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "empty").mkdir()
    (tmp_path / "manifest.json").write_text("{}")
    before = {*tmp_path.rglob("*")}
    monkeypatch.chdir(tmp_path)
    code, stdout, stderr = run_here("fleet_sim", *shlex.split(line))
    assert code == 2, stdout
    assert said in " ".join(stderr.split())
    assert "Traceback" not in stdout + stderr
    assert {*tmp_path.rglob("*")} - {tmp_path / "runs"} == before
