"""The rows: what was published, and the model beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from bench.fidelity import measurements as model
from bench.fidelity.figures import ENERGY_WITHIN, Figure, Found, Row
from fleet_wire.links.reconnect import ReconnectPolicy

_GITHUB = "https://github.com"
PERCENTILES: Final = Path(__file__).with_name("percentiles.json")


class _Measured(msgspec.Struct, frozen=True):
    of: str
    count: int
    tuned_on: int
    percentiles: tuple[float, ...]


def _measured(name: str) -> _Measured:
    parts = msgspec.json.decode(PERCENTILES.read_bytes(), type=dict[str, msgspec.Raw])
    return msgspec.json.decode(parts[name], type=_Measured)


def _samples(name: str, key: str, found: Found) -> Figure:
    """Return a figure that is judged on the half of the samples that nothing was tuned on."""
    measured = _measured(key)
    p50, p95 = measured.percentiles[49], measured.percentiles[94]
    return Figure(
        name=f"{name} ({measured.count:,} samples)", unit="s", found=found,
        p50=p50, p95=p95, percentiles=measured.percentiles,
    )  # fmt: skip


def _one(value: float) -> Found:
    return Found.of([value])


_RRC = f"[RRC-Probe]({_GITHUB}/SIGCOMM21-5G/artifact), two phones on LTE"
_ROBINSON = f"[Robinson, Stellenbosch 2019]({_GITHUB}/dan-leo/masters)"


def lte_states() -> Row:
    """Return promotion from idle, and the tail until a quiet device is idle."""
    return Row(
        title="LTE: promotion and tail",
        source=_RRC,
        model="`radio: { technology: lte }`",
        figures=[
            _samples("server to an idle device", "idle", model.pings({}, every_s=200.0)),
            Figure(name="quiet time until idle", unit="s", found=model.idle_after(), p50=10.0),
        ],
        note="The tail is that of Verizon, where half of the probes were paged after 10 s. It was 5"
        " s on T-Mobile.",
    )


def lte_cdrx() -> Row:
    """Return round trips of a device that was quiet for seconds."""
    return Row(
        title="LTE: quiet for 0.15 to 5 s",
        source=_RRC,
        model="`radio: { technology: lte }`",
        figures=[_samples("server to a quiet device", "cdrx", model.pings({}, every_s=2.5))],
        note="The model fits one of the two networks. We keep it because nearly all parked cars are"
        " idle when a command comes.",
    )


def driving() -> Row:
    """Return pings of moving devices."""
    keys = {"moving": True, "loss": 0, "cdrx_after_s": 5}
    return Row(
        title="Driving, with dead spots",
        source=f"[IMC'23]({_GITHUB}/NUWiNS/imc2023-cellular-network-performance-on-wheels-data),"
        " 180 drives on three networks",
        model="`radio: { moving: true }`",
        figures=[_samples("ping", "driving", model.pings(keys, every_s=1.0, count=4 * model.MANY))],
        note="The quantiles were fitted to every other drive. Pings that got lost are not counted.",
    )


def nb_iot() -> Row:
    """Return round trips to idle NB-IoT devices."""
    keys = {"technology": "nb_iot", "idle_uplink": 0}
    usual = model.pings(keys, every_s=1000.0)
    weak = model.pings({**keys, "extended_coverage": True}, every_s=2000.0)
    return Row(
        title="NB-IoT round trip",
        source=f"{_ROBINSON}, section 4.1",
        model="`radio: { technology: nb_iot }`",
        figures=[
            Figure(name="ZTE, Ericsson, Huawei", unit="s", found=usual, p50=2.0, p95=10.0),
            Figure(name="Nokia: `extended_coverage`", unit="s", found=weak, p50=8.0, p95=60.0),
            Figure(name="class 1, medians by vendor", unit="s", found=weak, between=(3.0, 20.0)),
        ],
    )


def edrx() -> Row:
    """Return the cycles that an NB-IoT network grants."""
    as_asked = (20.48, 40.96, 81.92, 163.84, 327.68, 655.36, 1310.72, 2621.44, 5242.88, 10485.76)
    ratios = Found.of([model.granted_edrx(asked_s) / asked_s for asked_s in as_asked])
    return Row(
        title="eDRX cycle granted",
        source=f"{_ROBINSON}, code/test_logs/nw_edrx.log, 120 answers",
        model="`radio: { technology: nb_iot, edrx_cycle_s: 102.4 }`",
        figures=[
            Figure(name=f"asked {asked_s:g} s", unit="s", found=_one(model.granted_edrx(asked_s)),
                   p50=20.48)
            for asked_s in (61.44, 102.4)
        ]
        + [Figure(name="ten other cycles: granted / asked", unit="", found=ratios, p50=1, p95=1)],
        note="The log's codes are read by table 10.5.5.32 of 3GPP TS 24.008. The thesis's own table"
        " has other seconds for the same codes: asked 163.84 and 655.36, granted 40.96.",
    )  # fmt: skip


def wake_sms() -> Row:
    """Return how late SMS come, and how many."""
    keys = {"sms_first_failure": 0.38, "sms_loss": 0.02, "sms_wake": {"median_s": 5, "sigma": 0.8}}
    delays, share = model.sms_delays(keys)
    at_first = [delay_s for delay_s in delays.values if delay_s < 60.0]
    first_share = share * len(at_first) / len(delays.values)
    return Row(
        title="Wake SMS",
        source="[ETSI EMTEL, ITU-T workshop 2006](https://studyres.com/doc/12331/?page=28)",
        model="`sms_first_failure: 0.38`, `sms_loss: 0.02`",
        figures=[
            Figure(name="at first it arrives within", unit="s", found=Found.of(at_first),
                   between=(3.0, 8.0)),
            Figure(name="arrives at first", unit="", found=_one(first_share), p50=0.62),
            Figure(name="arrives at all", unit="", found=_one(share), p50=0.98),
        ],
        note="6 to 8 s is from phone to phone, and less than half of it to a fixed one. A wake goes"
        " from a fixed sender to a modem. By default no SMS fails at first. Phones"
        " fail because they are off or out of coverage, which the model has as faults.",
    )  # fmt: skip


def battery() -> Row:
    """Return currents and charges of the 12 V battery."""
    asleep, parked, sending = model.currents_a()

    def exactly(name: str, unit: str, found: Found, p50: float) -> Figure:
        return Figure(name=name, unit=unit, found=found, p50=p50, within=ENERGY_WITHIN)

    return Row(
        title="12 V battery",
        source="[smartrak.com](https://smartrak.com/12-volt-batteries-and-telematics/), "
        "[airmaxremote.com](https://airmaxremote.com/docs/"
        "telematics-testing-procedure-for-battery-drain/), "
        f"[hyundai_kia_connect_api#970]({_GITHUB}/Hyundai-Kia-Connect/"
        "hyundai_kia_connect_api/issues/970)",
        model="`battery: {}`",
        figures=[
            Figure(name="asleep", unit="mA", found=_one(asleep * 1000), between=(5.0, 8.0)),
            exactly("parked", "mA", _one(parked * 1000), 80.0),
            exactly("sending", "mA", _one(sending * 1000), 130.0),
            exactly("a wake: 7 A for 3 to 4 min", "Ah", model.wake_charges_ah(), 7 * 3.5 / 60),
            Figure(name="hourly wakes: flat after", unit="days", found=model.days_until_flat(),
                   between=(3.0, 5.0)),
        ],
    )  # fmt: skip


def slow_cars() -> Row:
    """Return how long slow cars take to answer."""
    found = model.slow_wakes()
    return Row(
        title="Slow cars",
        source=f"[myskoda#308]({_GITHUB}/skodaconnect/homeassistant-myskoda/issues/308),"
        f" [ha_toyota PR 344]({_GITHUB}/pytoyoda/ha_toyota/pull/344)",
        model="`slow_wake: true`",
        figures=[
            Figure(name="asleep until connected", unit="s", found=found, p95=180.0),
            Figure(name="the slowest", unit="s", found=_one(found.values[-1]), p50=240.0),
        ],
        note="Published are the longest wait, 4 min, and the 180 s that a client allows. These"
        " stand here for the p95.",
    )


def connection_life() -> Row:
    """Return when a NAT forgets, and when an operator ends a connection."""
    return Row(
        title="Idle NAT and life of a connection",
        source="blog.wirelessmoves.com, September 2020: 270 s were survived, 540 s were not",
        model="`radio: { nat_timeout_s: 270 }`, `connection_life`",
        figures=[
            Figure(name="a quiet connection is forgotten after", unit="s",
                   found=model.nat_forgets(), between=(270.0, 540.0)),
            Figure(name="life of a data connection", unit="days", found=_one(float("nan")),
                   unread="no source with figures could be read"),
        ],
    )  # fmt: skip


def rental_starts() -> Row:
    """Return the hours at which rentals start."""
    unread = "the source has a picture and no numbers"
    return Row(
        title="Rentals by hour",
        source="[Boldrini, Bruno, Laarabi 2019]"
        "(https://epjdatascience.springeropen.com/articles/10.1140/epjds/s13688-019-0186-8)",
        model="`kind: profile`",
        figures=[
            Figure(name=day, unit="h", found=model.start_hours(day), unread=unread)
            for day in ("weekday", "weekend")
        ],
    )


def back_off() -> Row:
    """Return the delays between tries to connect."""
    paho = ReconnectPolicy(full_jitter=False, doubles=True, base_s=1, cap_s=120, jitter_s=0)
    ovms = ReconnectPolicy(full_jitter=False, base_s=60, jitter_s=5)
    aws = ReconnectPolicy(base_s=1, cap_s=128)
    doubled = [min(2.0**failed, 120.0) for failed in range(10)]
    return Row(
        title="Reconnecting",
        source=f"[paho-mqtt]({_GITHUB}/eclipse-paho/paho.mqtt.python) 2.2 `reconnect_delay_set`, "
        f"[OVMS]({_GITHUB}/openvehicles/Open-Vehicle-Monitoring-System-3) `ovms_server_v3.cpp`, "
        "[AWS IoT Device SDK](https://aws.github.io/aws-iot-device-sdk-embedded-C/202009.00/docs/"
        "doxygen/output/html/retryutils_page.html)",
        model="`reconnect`",
        figures=[
            Figure(name="paho, ten failures", unit="s",
                   found=model.reconnect_delays(paho, range(10)),
                   p50=Found.of(doubled).p50, p95=120.0),
            Figure(name="OVMS, a connection that ends", unit="s",
                   found=model.reconnect_delays(ovms, range(1)), p50=62.5, p95=64.75),
            Figure(name="AWS, third failure", unit="s",
                   found=model.reconnect_delays(aws, range(3, 4)), p50=4.0, p95=7.6),
        ],
    )  # fmt: skip


def firmware() -> Row:
    """Return how long reboots and updates take."""
    ovms = f"[OVMS]({_GITHUB}/openvehicles/Open-Vehicle-Monitoring-System-3)"
    return Row(
        title="Reboots and updates",
        source=f"{ovms} `ovms_boot.cpp`, `ovms_server_v3.cpp`, userguide/partitioning.rst",
        model="`reboot`, the fault `update_or_daily_reboot`",
        figures=[
            Figure(name="crash until it connects", unit="s", found=model.reboots(), p50=27.5,
                   p95=30.0),
            Figure(name="update", unit="s", found=model.updates(), p50=300.0, p95=600.0),
        ],
        note="A reboot is 15 s of boot time, a network stable for 10 s, and up to 5 s of jitter. An"
        " update of the partitions takes 5 min as a rule, and up to 10. Flashing 4 MB alone took 35"
        " to 455 s (PR 1336).",
    )  # fmt: skip


def clocks() -> Row:
    """Return the errors of clocks that are set once a day."""
    day_s = 20e-6 * 86_400
    return Row(
        title="Clocks",
        source="[Nisshinbo](https://www.nisshinbo-microdevices.co.jp/en/faq/099.html): 20 ppm are"
        " common for crystals",
        model="`clock_error`",
        figures=[
            Figure(name="error, set once a day", unit="s", found=model.clock_errors(),
                   p50=day_s / 2, p95=day_s * 0.95),
        ],
        note="Evenly spread between 20 ppm ahead and behind. Ten clocks on a bench at 25 °C were"
        " better: [0.3 s a day](https://www.apex-chip.com/en/newsDetail/31) in the median.",
    )  # fmt: skip


ROWS: Final[Sequence[Callable[[], Row]]] = (
    lte_states, lte_cdrx, driving, nb_iot, edrx, wake_sms, battery, slow_cars, connection_life,
    rental_starts, back_off, firmware, clocks,
)  # fmt: skip
"""Functions that work out each row; none needs more than the model."""


def all_rows() -> Sequence[Row]:
    """Return every row."""
    return [row() for row in ROWS]
