"""Parameters of radios by technology, each with its source. docs/radio.md explains them.

[E] marks an estimate that no public number stands behind.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field, model_validator

from fleet_sim.cars.distributions import (
    NO_DELAY,
    Delay,
    LogNormal,
    Quantiles,
    Uniform,
    takes_time,
)
from fleet_wire.quantities import FrozenModel, PositiveSeconds, Seconds, Share


class Technology(StrEnum):
    """The radio technology of the box's modem. It decides what the other numbers are by default."""

    LTE = "lte"
    LTE_M = "lte_m"
    NB_IOT = "nb_iot"
    UMTS = "umts"
    GSM = "gsm"


EDRX_OF_NB_IOT_S = frozenset(20.48 * 2**power for power in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9))
"""The eDRX cycles that NB-IoT has (3GPP TS 24.008, table 10.5.5.32)."""
SHORTEST_EDRX_OF_NB_IOT_S = 20.48
"""A network grants this to an NB-IoT device that asks for a cycle which only LTE has."""


class RadioParameters(FrozenModel):
    """The way between the box and the broker, as round-trip times.

    `technology` and `moving` choose the defaults, and each key that is given overrides its own. A
    device that has exchanged nothing for a while is harder to reach: it must first be paged.
    """

    technology: Technology = Field(
        Technology.LTE,
        description="lte, lte_m (Cat-M1), nb_iot, umts (3G) or gsm (2G): sets the defaults",
    )
    moving: bool = Field(
        default=False, strict=True, description="the car drives: sets the defaults, see docs"
    )
    extended_coverage: bool = Field(
        default=False,
        strict=True,
        description="nb_iot alone: a weak signal, where the network repeats each block (coverage"
        " class 1 of Robinson, Stellenbosch 2019): sets the defaults",
    )
    connected_rtt: Delay = Field(
        Uniform(base_s=0.075),
        description="RRC connected. lte: parked, median 75 ms (SIGCOMM'21 RRC-Probe, gap < 0.15 s)"
        "; moving, quantiles fitted to every other drive of 180 (17,660 pings, IMC'23 cellular on"
        " wheels). umts 100-500 ms, gsm 300-1000 ms (High Performance Browser Networking, table"
        " 7-2). lte_m 100-150 ms [E]; nb_iot 400-900 ms: radio time that modems report, most often"
        " 600 to 700 ms (Robinson, Stellenbosch 2019)",
    )
    cdrx_rtt: Delay = Field(
        Uniform(base_s=0.070, spread_s=0.320),
        description="quiet for cdrx_after_s. lte: connected-mode DRX, 70 ms + U(0, 320 ms) (same"
        " data, gap 0.15 to 9 s); lte_m 50 ms more [E]; nb_iot as connected [E]; umts CELL_FACH"
        " 300-800 ms [E]; gsm without a temporary block flow 600-1300 ms [E]",
    )
    idle_rtt: Delay = Field(
        Uniform(base_s=0.315, spread_s=1.28),
        description="server to idle device, with paging. lte: 0.315 s + U(0, 1.28 s) (same data);"
        " lte_m: 50 ms more [E], DRX cycle up to 2.56 s (Cinterion EXS62 HID 3.3.3.1); nb_iot:"
        " median 2 s and 95 % below 10 s on three networks, 8 s and 60 s in extended_coverage"
        " (Robinson, Stellenbosch 2019); umts: 2 s to"
        " set a connection up (HPBN chapter 7: up to several seconds), paging cycle 1.28 s [E];"
        " gsm: paging every 5 multiframes of 235 ms (3GPP TS 45.002, BS_PA_MFRMS 2 to 9) [E]",
    )
    cdrx_after_s: Seconds = Field(
        0.15,
        description="quiet time until cdrx_rtt. lte: 0.15 s (same data); umts: 5 s (AT&T Research,"
        " in HPBN chapter 7); gsm: 0.5 s (timer T3192, 3GPP TS 44.060)",
    )
    idle_after_s: Seconds = Field(
        10.5,
        description="quiet time until idle. lte: 10.5 s (same data, knee); nb_iot: 20 s [E]; umts:"
        " 5 + 12 s (AT&T Research, in HPBN chapter 7); gsm: 44 s (T3314, 3GPP TS 24.008)",
    )
    idle_uplink: Delay = Field(
        NO_DELAY,
        description="added to what an idle box sends first. lte: below 0.1 s, left out (HPBN figure"
        " 7-12); nb_iot: idle_rtt less half a round trip [E]; umts: 2 s, see idle_rtt; gsm: 0.3 s"
        " [E]",
    )
    loss: float = Field(
        0.0,
        ge=0,
        le=0.9,
        description="share of packets lost, each way: they come later, because TCP sends them again"
        "; 0.0035 moving, half of the 0.7 % of pings that got lost (IMC'23: 0.16 / 0.7 / 2.2 %)",
    )
    retransmission_s: PositiveSeconds = Field(
        1.0,
        description="TCP sends a lost packet again after this, then after twice that, and so on"
        " (RFC 6298: 1 s at least; Linux: 0.2 s at least); gsm 1.35 s and nb_iot 1.15 s, mean + 4"
        " deviations",
    )
    reordering: Share = Field(
        0.0,
        description="share of packets that others overtake; TCP lets the others wait: delay [E]",
    )
    reordering_delay: Delay = Field(
        Uniform(base_s=0.0, spread_s=0.2),
        description="how much later an overtaken packet comes (t-Reordering, 0 to 200 ms, 3GPP TS"
        " 36.331)",
    )
    stall_every_s: PositiveSeconds | None = Field(
        None,
        description="mean time between stalls of the link, null for none. Moving, lte: 340 s, which"
        " gives the p99.9 of IMC'23 (mahimahi's AT&T drives of 2016: 60 to 120 s); umts: 30 s"
        " (mahimahi: 28 in 928 s); lte_m as lte, gsm and nb_iot as umts [E]",
    )
    stall: Delay = Field(
        Quantiles(quantiles=((0.0, 1.0), (1.0, 3.2))),
        description="how long a stall lasts, from 1 s to the longest seen: lte 3.2 s (IMC'23,"
        " slowest ping 2.4 to 3.3 s), umts 5.8 s (mahimahi)",
    )
    edrx_cycle_s: float | None = Field(
        None,
        ge=5.12,
        le=10485.76,
        description="eDRX: the box asks to listen once in so long, 5.12 to 2621.44 s (Nordic"
        " +CEDRXS), nb_iot 20.48 to 10485.76 s (3GPP TS 24.008). A network grants an nb_iot box"
        " that asks for another cycle 20.48 s; null: off",
    )
    paging_window_s: float = Field(
        1.28,
        gt=0,
        le=20.48,
        description="eDRX: it listens for so long, PTW 1.28 to 20.48 s (u-blox SARA-R42 app note)",
    )
    psm_period_s: PositiveSeconds | None = Field(
        None,
        description="PSM: an idle device sends a sign of life once in so long (T3412), and cannot"
        " be reached in between; networks turn 1 h into up to 24 h (scrobotics.es); null: off",
    )
    psm_active_s: Seconds = Field(
        10.0, description="PSM: reachable for so long after being idle (T3324, iotclass.org)"
    )
    connection_life: Delay | None = Field(
        None,
        description="the operator ends a data connection after so long, and tells neither end but"
        " the modem, which connects anew; some days are usual [E]; null: never",
    )
    nat_timeout_s: PositiveSeconds | None = Field(
        270.0,
        description="the operator's NAT forgets a connection on which nothing was exchanged for so"
        " long, not even a ping, and tells neither end; 240 to 600 s (wirelessmoves.com, 2020/09)"
        " [E]; null: never",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: Any) -> Any:
        """Add the defaults of the technology, also of a moving car, for what is not given."""
        if not isinstance(values, dict) or not _CHOOSE & values.keys():
            return values
        try:
            technology = Technology(values.get("technology", Technology.LTE))
        except ValueError:
            return values  # the field's own validation says so
        moving = _MOVING[technology] if values.get("moving") is True else {}
        weak = _EXTENDED_COVERAGE if values.get("extended_coverage") is True else {}
        return {**_DEFAULTS[technology], **moving, **weak, **values}

    @model_validator(mode="after")
    def _fits(self) -> RadioParameters:
        if self.extended_coverage and self.technology is not Technology.NB_IOT:
            raise ValueError("extended_coverage is for technology: nb_iot")
        cycle_s = self.granted_edrx_cycle_s
        if cycle_s is not None and self.paging_window_s > cycle_s:
            raise ValueError(
                f"paging_window_s {self.paging_window_s:g} is longer than edrx_cycle_s {cycle_s:g}"
            )
        if self.psm_period_s is not None and self.psm_active_s >= self.psm_period_s:
            raise ValueError(
                f"psm_active_s {self.psm_active_s:g} is not shorter than psm_period_s"
                f" {self.psm_period_s:g}"
            )
        return self

    @property
    def granted_edrx_cycle_s(self) -> float | None:
        """Return the eDRX cycle that the network grants; None: the box asks for none."""
        asked_s = self.edrx_cycle_s
        if asked_s is None or self.technology is not Technology.NB_IOT:
            return asked_s
        return asked_s if asked_s in EDRX_OF_NB_IOT_S else SHORTEST_EDRX_OF_NB_IOT_S

    @property
    def is_instant(self) -> bool:
        """Whether packets take no time at all, and nobody asks when they were sent."""
        return (
            self.nat_timeout_s is None
            and not self.loss
            and not self.reordering
            and self.stall_every_s is None
            and self.edrx_cycle_s is None
            and self.psm_period_s is None
            and not takes_time(self.connected_rtt)
            and not takes_time(self.cdrx_rtt)
            and not takes_time(self.idle_rtt)
            and not takes_time(self.idle_uplink)
        )


_CHOOSE = frozenset({"technology", "moving", "extended_coverage"})
"""The keys that choose the defaults of others."""

_DEFAULTS: dict[Technology, dict[str, Any]] = {
    Technology.LTE: {},  # the fields' defaults
    Technology.LTE_M: {
        "connected_rtt": Uniform(base_s=0.1, spread_s=0.05),
        "cdrx_rtt": Uniform(base_s=0.120, spread_s=0.320),
        "idle_rtt": Uniform(base_s=0.365, spread_s=2.56),
    },
    Technology.NB_IOT: {
        "connected_rtt": Uniform(base_s=0.4, spread_s=0.5),
        "cdrx_rtt": Uniform(base_s=0.4, spread_s=0.5),
        "idle_rtt": LogNormal(median_s=2.0, sigma=0.978),
        "idle_after_s": 20.0,
        "idle_uplink": LogNormal(median_s=1.7, sigma=0.978),
        "retransmission_s": 1.15,
    },
    Technology.UMTS: {
        "connected_rtt": Uniform(base_s=0.1, spread_s=0.4),
        "cdrx_rtt": Uniform(base_s=0.3, spread_s=0.5),
        "idle_rtt": Uniform(base_s=2.3, spread_s=1.28),
        "cdrx_after_s": 5.0,
        "idle_after_s": 17.0,
        "idle_uplink": Uniform(base_s=2.0),
    },
    Technology.GSM: {
        "connected_rtt": Uniform(base_s=0.3, spread_s=0.7),
        "cdrx_rtt": Uniform(base_s=0.6, spread_s=0.7),
        "idle_rtt": Uniform(base_s=0.9, spread_s=1.18),
        "cdrx_after_s": 0.5,
        "idle_after_s": 44.0,
        "idle_uplink": Uniform(base_s=0.3),
        "retransmission_s": 1.35,
    },
}
"""The numbers of each technology that differ from LTE's; the fields' descriptions name the
sources."""

_EXTENDED_COVERAGE: dict[str, Any] = {
    "idle_rtt": LogNormal(median_s=8.0, sigma=1.225),
    "idle_uplink": LogNormal(median_s=7.7, sigma=1.225),
}
"""A lognormal of median m and 95th percentile p has sigma ln(p / m) / 1.645."""

_DRIVING_LOSS = 0.0035
_DRIVING_LTE: dict[str, Any] = {
    "loss": _DRIVING_LOSS,
    "stall_every_s": 340.0,
    "stall": Quantiles(quantiles=((0.0, 1.0), (1.0, 3.2))),
}
_DRIVING_UMTS: dict[str, Any] = {
    "loss": _DRIVING_LOSS,
    "stall_every_s": 30.0,
    "stall": Quantiles(quantiles=((0.0, 1.0), (1.0, 5.8))),
}
_MOVING: dict[Technology, dict[str, Any]] = {
    Technology.LTE: {
        **_DRIVING_LTE,
        "connected_rtt": Quantiles(
            quantiles=(
                (0.0, 0.012),
                (0.05, 0.031),
                (0.1, 0.041),
                (0.25, 0.054),
                (0.5, 0.067),
                (0.75, 0.087),
                (0.9, 0.128),
                (0.95, 0.162),
                (0.975, 0.205),
                (0.99, 0.320),
                (0.999, 0.700),
                (1.0, 1.0),
            )
        ),
    },
    Technology.LTE_M: _DRIVING_LTE,
    Technology.NB_IOT: _DRIVING_UMTS,
    Technology.UMTS: _DRIVING_UMTS,
    Technology.GSM: _DRIVING_UMTS,
}
