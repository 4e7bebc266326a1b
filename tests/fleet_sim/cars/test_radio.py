"""The radio: ranges of each technology, order, loss, stalls, eDRX and PSM.

`tests/bench/test_fidelity.py` has its distributions beside their sources.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_sim.cars.parameters import NULL_BOX
from fleet_sim.cars.radio import Radio, _behind_s
from fleet_sim.cars.radio_parameters import RadioParameters
from fleet_wire.randomness import RandomStream

EXACT = 1e-9
IDLE_GAP_S = 100.0


def radio(seed: int = 1, **keys: Any) -> Radio:
    """Return a radio as a scenario would write it."""
    return Radio(RadioParameters.model_validate(keys), RandomStream.named(seed, "car-1/radio"))


@pytest.mark.parametrize(
    ("technology", "gap_s", "low_s", "high_s"),
    [
        ("lte", 0.01, 0.05, 0.12),
        ("lte_m", 0.01, 0.10, 0.15),
        ("nb_iot", 0.01, 0.40, 0.90),
        ("umts", 0.01, 0.10, 0.50),
        ("gsm", 0.01, 0.30, 1.00),
        ("lte", 5.0, 0.070, 0.390),
        ("lte_m", 5.0, 0.120, 0.440),
        ("nb_iot", 5.0, 0.40, 0.90),
        ("umts", 7.0, 0.300, 0.800),
        ("gsm", 7.0, 0.600, 1.300),
        ("lte", IDLE_GAP_S, 0.315, 1.595),
        ("lte_m", IDLE_GAP_S, 0.365, 2.925),
        ("umts", IDLE_GAP_S, 2.300, 3.580),
        ("gsm", IDLE_GAP_S, 0.900, 2.080),
    ],
)
def test_each_technology_keeps_to_its_range(
    technology: str, gap_s: float, low_s: float, high_s: float
) -> None:
    """Round trips by state; those of a paged device spread over nearly all of the range.

    The two ways may meet different conditions when the way down took long, hence the allowance.
    """
    conditions_s = {"lte": 0.0, "lte_m": 0.025, "nb_iot": 0.25, "umts": 0.2, "gsm": 0.35}[
        technology
    ]
    one = radio(technology=technology, idle_uplink=0)
    found = []
    for number in range(1, 1001):
        sent_s = number * 200.0
        one.uplink_s(sent_s)
        down_s = one.downlink_s(sent_s + gap_s)
        found.append(down_s + one.uplink_s(sent_s + gap_s + down_s))
    assert low_s - conditions_s <= min(found) + EXACT
    assert max(found) <= high_s + conditions_s + EXACT
    if gap_s == IDLE_GAP_S:
        assert max(found) - min(found) > 0.9 * (high_s - low_s)


def test_an_idle_3g_box_needs_a_connection_before_it_can_send() -> None:
    """Two seconds for the first packet, then at most half a round trip.

    The wait is drawn anew from when the box has been quiet for as long as makes it idle.
    """
    one = radio(technology="umts")
    assert 2.05 <= one.uplink_s(100.0) <= 2.25
    assert one.uplink_s(103.0) <= 0.25
    assert radio().uplink_s(100.0) == pytest.approx(0.0375)
    one = radio(technology="umts", connected_rtt=0, idle_uplink={"base_s": 2.0, "spread_s": 1.0})
    one.attach(0.0)
    assert one.uplink_s(16.9) == 0.0
    waits_s = [one.uplink_s(16.9 + number * 17.0) for number in range(1, 6)]
    assert len(set(waits_s)) == 5
    assert all(2.0 <= each_s < 3.0 for each_s in waits_s)


# Driving


@pytest.mark.parametrize(
    ("technology", "longest_s", "fewest", "most"), [("lte", 3.2, 3, 40), ("umts", 5.8, 115, 165)]
)
def test_a_stall_holds_everything_until_its_end(
    technology: str, longest_s: float, fewest: int, most: int
) -> None:
    """Packets of one stall arrive together; stalls last from 1 s to the longest in the source.

    28 stalls in 928 s of driving over 3G: in five times that, 140 give or take two deviations.
    """
    keys = {"connected_rtt": 0, "cdrx_after_s": 60, "idle_uplink": 0, "loss": 0}
    one = radio(technology=technology, moving=True, **keys)
    one.uplink_s(0.0)
    ends: dict[float, float] = {}
    for number in range(1, 46_400):
        sent_s = number * 0.1
        down_s, up_s = one.downlink_s(sent_s), one.uplink_s(sent_s)
        assert up_s == pytest.approx(down_s)
        if down_s > 0:
            ends.setdefault(round(sent_s + down_s, 6), sent_s)
    lengths = [end_s - first_s for end_s, first_s in ends.items()]
    assert fewest < len(lengths) < most
    assert all(0.9 <= length_s <= longest_s for length_s in lengths)
    assert max(lengths) > 2.0


# Loss and reordering


def test_lost_packets_come_after_one_three_seven_seconds() -> None:
    """Retransmission doubles its wait, up to two minutes; the share of each fits the loss.

    With nine of ten packets lost nothing waits longer than TCP would.
    """
    one = radio(loss=0.2, connected_rtt=0, retransmission_s=1)
    found = [one.uplink_s(number * 1e6) for number in range(20_000)]
    for waited_s, share in [(0.0, 0.8), (1.0, 0.16), (3.0, 0.032), (7.0, 0.0064)]:
        assert found.count(waited_s) / 20_000 == pytest.approx(share, rel=0.25)
    assert 15.0 in found
    one = radio(loss=0.9, connected_rtt=0)
    assert max(one.uplink_s(number * 1e6) for number in range(3000)) == 127 + 8 * 120


def test_an_overtaken_packet_holds_the_others_up() -> None:
    """Reordering is delay, for about its share of packets, on top of the way in either direction.

    What is lost is not overtaken as well: of four in five that get through, half are.
    """
    one = radio(reordering=0.25, reordering_delay=0.2, connected_rtt=0)
    found = [one.uplink_s(number * 10.0) for number in range(4000)]
    assert set(found) == {0.0, 0.2}
    assert found.count(0.2) / 4000 == pytest.approx(0.25, rel=0.1)
    sent = [50_000 + number * 0.01 for number in range(1000)]
    arrivals = [sent_s + one.uplink_s(sent_s) for sent_s in sent]
    assert arrivals == sorted(arrivals)
    one = radio(reordering=1.0, reordering_delay=0.2, connected_rtt=0.1)
    one.attach(100.0)
    assert one.downlink_s(100.0) == pytest.approx(0.25)
    one.attach(101.0)
    assert one.uplink_s(101.0) == pytest.approx(0.25)
    one = radio(loss=0.2, reordering=0.5, reordering_delay=0.2, connected_rtt=0)
    found = [one.uplink_s(number * 1e6) for number in range(20_000)]
    for delay_s in (0.2, 0.0):
        assert found.count(delay_s) / 20_000 == pytest.approx(0.4, rel=0.05)


TRAFFIC = st.lists(st.tuples(st.booleans(), st.floats(0, 30)), min_size=2, max_size=60)
KEYS = st.sampled_from(
    [
        {},
        {"moving": True, "loss": 0.3},
        {"technology": "gsm", "loss": 0.1, "reordering": 0.3},
        {"technology": "umts", "moving": True},
        {"technology": "lte_m", "edrx_cycle_s": 20.48, "loss": 0.1},
        {"technology": "lte_m", "psm_period_s": 60},
    ]
)


@given(KEYS, st.integers(0, 2**32), TRAFFIC)
def test_no_packet_overtakes_another(
    keys: dict[str, Any], seed: int, traffic: list[tuple[bool, float]]
) -> None:
    """Whatever is sent, when and over which radio: each way keeps its order to the last bit."""
    one, now_s = radio(seed, **keys), 0.0
    latest_s = {True: 0.0, False: 0.0}
    for is_down, gap_s in traffic:
        now_s += gap_s
        delay_s = one.downlink_s(now_s) if is_down else one.uplink_s(now_s)
        assert delay_s >= 0
        assert now_s + delay_s >= latest_s[is_down]
        latest_s[is_down] = now_s + delay_s


def test_rounding_lets_no_packet_overtake() -> None:
    """The clock plus the delay is never before the packet in front, where plain sums may be."""
    stream, is_early = RandomStream.named(1, "x"), 0
    for _ in range(1000):
        now_s, free_s = stream.between(16.0, 24.0), stream.between(57.0, 64.0)
        is_early += now_s + (free_s - now_s) < free_s
        arrival_s = now_s + _behind_s(free_s, now_s, 0.0)
        assert free_s <= arrival_s <= free_s + 1e-9
    assert is_early > 10
    assert _behind_s(3.0, 2.0, 1.5) == 1.5


def test_what_has_left_or_come_is_waited_for_and_nothing_else() -> None:
    """Who says goodbye waits for what is on its way, up and down, by itself."""
    one = radio(connected_rtt=0.2)
    one.attach(10.0)
    assert (one.until_sent_s(10.0), one.until_received_s(10.0)) == (0.0, 0.0)
    one.uplink_s(10.0)
    assert one.until_sent_s(10.025) == pytest.approx(0.075)
    assert one.until_received_s(10.025) == 0.0
    one.downlink_s(10.05)
    assert one.until_received_s(10.075) == pytest.approx(0.075)
    assert (one.until_sent_s(11.0), one.until_received_s(11.0)) == (0.0, 0.0)


# eDRX and PSM


def test_within_the_window_an_edrx_device_is_paged_at_once() -> None:
    """Windows open once a cycle for their length, at the device's own phase."""
    one = radio(edrx_cycle_s=20.48, paging_window_s=5.12)
    opens_s = 100.0 + one.silent_s(100.0)
    if one.silent_s(100.0) == 0:
        opens_s = 110.0 + one.silent_s(110.0)
    for cycle in range(3):
        start_s = opens_s + cycle * 20.48
        assert one.silent_s(start_s) == 0
        assert one.silent_s(start_s + 5.0) == 0
        assert one.silent_s(start_s + 6.0) == pytest.approx(14.48)
    other = radio(2, edrx_cycle_s=20.48, paging_window_s=5.12)
    assert other.silent_s(opens_s + 6.0) != pytest.approx(14.48)


def test_a_device_that_just_spoke_is_reached_at_once() -> None:
    """With eDRX until it is idle; with PSM for T3324 after, then not before T3412 has passed."""
    one = radio(edrx_cycle_s=2621.44)
    one.uplink_s(1000.0)
    assert one.silent_s(1010.0) == 0
    assert one.downlink_s(1005.0) < 0.4
    assert one.silent_s(1100.0) > 0
    one = radio(technology="lte_m", psm_period_s=3600, psm_active_s=10)
    one.uplink_s(1000.0)
    idle_s = 1010.5
    assert one.silent_s(1005.0) == 0
    assert one.silent_s(idle_s + 9.9) == 0
    assert one.silent_s(idle_s + 10.1) == pytest.approx(3589.9)
    assert one.silent_s(idle_s + 3600.5) == 0
    assert one.silent_s(idle_s + 3611.0) == pytest.approx(3589.0)
    assert one.downlink_s(idle_s + 100.0) == pytest.approx(3501.6, abs=1.7)
    one = radio(psm_period_s=86_400)
    one.uplink_s(0.0)
    assert one.silent_s(5000.0) > 80_000
    one.uplink_s(5000.0)
    assert one.silent_s(5000.0) == 0
    assert one.downlink_s(5000.1) == pytest.approx(0.0375)


def test_a_wait_that_is_over_is_over() -> None:
    """Asking again when the silence should have ended never gives a sliver of a wait."""
    for seed in range(20):
        one = radio(seed, edrx_cycle_s=20.48, psm_period_s=61.7, psm_active_s=3.3)
        now_s = 30.0
        for _ in range(50):
            silent_s = one.silent_s(now_s)
            assert silent_s == 0 or silent_s > EXACT
            assert one.silent_s(now_s + silent_s) == 0
            now_s += silent_s + 7.7


# A radio that takes no time


@pytest.mark.parametrize(
    "keys",
    [
        {"loss": 0.1},
        {"reordering": 0.1},
        {"stall_every_s": 10},
        {"edrx_cycle_s": 20.48},
        {"psm_period_s": 60},
        {"idle_uplink": 1},
        {"connected_rtt": 0.1},
        {"cdrx_rtt": 0.1},
        {"idle_rtt": {"quantiles": [[0, 1], [1, 2]]}},
    ],
)
def test_any_trouble_makes_a_radio_take_time(keys: dict[str, Any]) -> None:
    """The short cut of the null radio is taken only when nothing can ever be late."""
    changed = RadioParameters.model_validate({**NULL_BOX.radio.model_dump(), **keys})
    assert NULL_BOX.radio.is_instant
    assert not changed.is_instant
    one = Radio(changed, RandomStream.named(1, "x"))
    delays = []
    for number in range(200):
        sent_s = number * 61.7
        delays += [one.downlink_s(sent_s), one.downlink_s(sent_s + 1), one.uplink_s(sent_s + 15)]
    assert max(delays) > 0
