"""What Alertmanager lets through: the shipped inhibitions, over alerts that fire at one time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from tests.helpers.judged import Firing
from tests.helpers.shipped import ALERTMANAGER, yaml

_MATCHER = re.compile(r'(?P<label>\w+)(?P<operator>=~|!~|!=|=)"?(?P<value>[^"]*)"?')


def heard(found: Iterable[Firing]) -> list[Firing]:
    """Return the firings of which somebody is told: those that none of the same time silences."""
    rules = yaml(ALERTMANAGER / "alertmanager.yml")["inhibit_rules"]
    told: list[Firing] = []
    for _, together in groupby(sorted(found, key=_at_s), key=_at_s):
        firing = list(together)
        told += [
            one
            for one in firing
            if not any(
                _silences(rule, source=_labels(other), target=_labels(one))
                for rule in rules
                for other in firing
                if other is not one
            )
        ]
    return told


def _at_s(firing: Firing) -> float:
    return firing.at_s


def _labels(firing: Firing) -> dict[str, str]:
    return {**firing.labels, "alertname": firing.name}


def _silences(
    rule: Mapping[str, Any], *, source: Mapping[str, str], target: Mapping[str, str]
) -> bool:
    """Return whether one alert silences another; a label that is not there is an empty one."""
    return (
        _matches(rule["source_matchers"], source)
        and _matches(rule["target_matchers"], target)
        and all(source.get(label, "") == target.get(label, "") for label in rule["equal"])
    )


def _matches(matchers: Iterable[str], labels: Mapping[str, str]) -> bool:
    return all(_fits(matcher, labels) for matcher in matchers)


def _fits(matcher: str, labels: Mapping[str, str]) -> bool:
    parts = _MATCHER.fullmatch(matcher)
    assert parts, matcher
    value = labels.get(parts["label"], "")
    is_equal = (
        re.fullmatch(parts["value"], value) is not None
        if "~" in parts["operator"]
        else value == parts["value"]
    )
    return is_equal != parts["operator"].startswith("!")
