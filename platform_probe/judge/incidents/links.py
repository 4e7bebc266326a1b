"""The links between findings that are known now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet

from platform_probe.judge.detection.finding import Finding
from platform_probe.judge.incidents.finding_parts import affected_traits
from platform_probe.judge.incidents.grouping import Pair, are_two, groups_of, link_strength, pair_of
from platform_probe.judge.incidents.incident_title import mode_of
from platform_probe.judge.incidents.maintenance import MaintenanceWindow, window_of


class Links:
    """Links findings with each other, within what maintenance windows allow."""

    def __init__(self, windows: Sequence[MaintenanceWindow]) -> None:
        self._windows = windows
        self._strengths: dict[Pair, float] = {}
        self.at = 0.0
        """The present, for windows that begin and end."""

    def renew(self, finding: Finding, others: Collection[Finding], before: Finding | None) -> bool:
        """Link a finding with others; return whether its links or its mode are others than before.

        A link stays while the cohort of its finding does: the cars become more, and the share of
        common ones with them.
        """
        is_as_before = before is not None and before.cohort == finding.cohort
        links: dict[Pair, float] = {}
        for other in others:
            pair = pair_of(finding, other)
            if other.number == finding.number or not self.may_join(finding, other):
                continue
            kept = self._strengths.get(pair, 0.0) if is_as_before else 0.0
            if strength := link_strength(finding, other) or kept:
                links[pair] = strength
        old = {pair for pair in self._strengths if finding.number in pair}
        for pair in old:
            del self._strengths[pair]
        self._strengths.update(links)
        return before is None or old != links.keys() or mode_of(before) != mode_of(finding)

    def are_linked(self, finding: Finding, others: Collection[Finding]) -> bool:
        """Return whether a finding would be linked with one of others."""
        return any(self.may_join(finding, one) and link_strength(finding, one) for one in others)

    def groups(self, findings: Collection[Finding]) -> list[list[Finding]]:
        """Return findings in groups, one for each problem."""
        return groups_of(findings, self._strengths, may_join=self.may_join)

    def may_join(self, one: Finding, other: Finding) -> bool:
        """Return whether two findings may be of one incident.

        A maintenance window mutes whom it covers, and nobody else: across its border only one and
        the same cohort is one problem.
        """
        if self._windows and dict(one.cohort) != dict(other.cohort):
            at = max(one.at, other.at, self.at)
            ours, theirs = (
                window_of(self._windows, [affected_traits(each)], at) for each in (one, other)
            )
            if ours != theirs:
                return False
        return not are_two(one, other)

    def forget(self, numbers: AbstractSet[int]) -> None:
        """Forget the links of findings."""
        self._strengths = {
            pair: strength for pair, strength in self._strengths.items() if numbers.isdisjoint(pair)
        }
