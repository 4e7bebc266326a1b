"""Print of each fault the unlocks that it touched, and what the monitor said of them."""

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

drill, probe = map(Path, sys.argv[1:])
truth = [json.loads(line) for line in (drill / "ground_truth.jsonl").open()]
began_s = next(line["unix_s"] for line in truth if line["type"] == "began")
records = [json.loads(line) for line in (probe / "attempts.jsonl").open()]
attempts = [record for record in records if record["started_at"] >= began_s]
hits = [line for line in truth if line["type"] == "hit"]


def touches(hit, attempt):
    if hit["until_s"] is None:
        return hit["command_id"] == attempt["command_id"]
    start_s = attempt["started_at"] - began_s
    is_meanwhile = start_s <= hit["until_s"] and start_s + attempt["total_s"] >= hit["at_s"]
    return hit["vehicle_id"] == attempt["vehicle_id"] and is_meanwhile


said = defaultdict(Counter)
for attempt in attempts:
    faults = {hit["fault"] for hit in hits if touches(hit, attempt)} or {"no fault"}
    for fault in faults:
        said[fault][attempt["cause"] or "opened"] += 1
for fault, causes in said.items():
    print(f"{fault}: {', '.join(f'{cause} {number}' for cause, number in causes.most_common())}")
