"""A scenario whose loading is tested."""

from __future__ import annotations

from pathlib import Path

TWO_GROUPS = """\
description: Two groups and a fault.
seed: 7
fleet:
  groups:
    - name: city
      count: 100
      id: "car-{:05d}"
      region: centre
      operator: operator-a
      site: garage
    - name: outskirts
      count: 50
      id: "car-{:05d}"
      first_index: 100
      region: ring
load:
  stages:
    - {kind: poisson, rate_per_s: 5, duration_s: 60}
faults:
  - name: no_coverage_garage
    target: {site: garage, share: 0.5}
    window: {start_s: 10, end_s: 40}
    parameters: {probability: 0.5}
expect:
  attempts.ok_share: {min: 0.9}
"""


def write_two_groups(directory: Path) -> Path:
    """Write the scenario into a file, and return its path."""
    path = directory / "two.yaml"
    path.write_text(TWO_GROUPS, encoding="utf-8")
    return path
