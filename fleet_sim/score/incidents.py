"""Incidents to be diagnosed: scenarios drawn by seed, for every fault that there is.

A fault is in the score by existing. `RANGES` holds the faults whose parameters have a range;
`TOGETHER` those that hit more than single cars. Training incidents come from seeds below
`HELD_OUT_SEEDS` and from the ranges themselves. Scoring incidents come from seeds above, and from
ranges that are a quarter wider at both ends.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, NamedTuple

from fleet_sim.faults import FAULTS
from fleet_wire.modes.catalogue import MODES

HELD_OUT_SEEDS: Final = 1_000
"""Incidents with this seed or a higher one were never tuned with."""
WIDER: Final = 0.25


class Loss(StrEnum):
    """Evidence that a monitor may lack."""

    NOTHING = "nothing"
    HEARTBEATS = "heartbeats"
    PLATFORM_LOG = "platform_log"
    BROKER_LOG = "broker_log"
    MAPPED_WIRE = "mapped_wire"
    """Two topics: a command and its answer, of another form than the contract's."""


MIX: Final = (
    Loss.NOTHING, Loss.HEARTBEATS, Loss.NOTHING, Loss.PLATFORM_LOG,
    Loss.NOTHING, Loss.BROKER_LOG, Loss.NOTHING, Loss.MAPPED_WIRE,
)  # fmt: skip
"""Missing sources of the incidents, in turn; half of the incidents miss none [E]."""
LEARNED_BESIDE: Final = (
    Loss.MAPPED_WIRE, Loss.PLATFORM_LOG, Loss.MAPPED_WIRE, Loss.PLATFORM_LOG, Loss.MAPPED_WIRE,
    Loss.NOTHING, Loss.BROKER_LOG,
)  # fmt: skip
"""Missing sources of training incidents, after those of `MIX`. Most modes look different without
them, and leaving out evidence cannot imitate them."""
MAPPED_WIRE: Final = "two-topics.yaml"
"""File beside the scenario that has `TWO_TOPICS`."""
TWO_TOPICS: Final = """
command:
  topic: v1/{vehicle_id}/cmd
  fields:
    command_id: /id
    action: { at: /op, values: { OPEN: unlock, CLOSE: lock } }
result:
  topic: v1/{vehicle_id}/ack
  fields:
    command_id: /id
    phase: { at: /status, values: { OK: executed }, otherwise: refused }
    reason: { at: /status, otherwise: failed }
"""
"""A wire that says nothing but a command and its answer: no presence, state or heartbeat."""


class Incident(NamedTuple):
    """What is injected, by which seed, and what evidence is lost."""

    faults: tuple[str, ...]
    """None of them: a healthy fleet."""
    seed: int
    loss: Loss = Loss.NOTHING
    is_short: bool = False
    """A test's incident: the smallest fleet, observed for a part of the ten minutes."""
    is_of_many: bool = False
    """To be noticed: there are customers, and faults that would strike single cars one by one
    strike all of a group at once."""

    @property
    def is_held_out(self) -> bool:
        """Whether nobody has tuned with it."""
        return self.seed >= HELD_OUT_SEEDS


Range = tuple[float, float]
RANGES: Final[dict[str, dict[str, Range | dict[str, Range]]]] = {
    "no_coverage_garage": {"episode": (20, 400)},
    "one_way_downlink": {"episode": (40, 400)},
    "half_open_tcp_nat": {"ping_timeout_s": (5, 20)},
    "slow_wake_client_timeout": {"wake": {"median_s": (22, 50), "sigma": (0.2, 0.4)}},
    "undervoltage_cutout": {"drain_v_per_min": (0.1, 0.6), "hold_s": (5, 90)},
    "modem_search_drain": {
        # A battery that does not run down within the window is no more than a garage.
        "episode": (200, 400), "start_v": (12.24, 12.3), "drain_v_per_min": (0.2, 0.6),
        "hold_s": (5, 40),
    },
    "sim_suspended_datacap": {"cap_bytes": (8_000, 20_000)},
    "inflight_stall": {"loss": (0.9, 1.0)},
    "late_delivery_persistent_session": {"offline": (20, 250)},
    "expired_by_skewed_box_clock": {"skew": (60, 180)},
    "ttl_too_long_rejected": {"max_ttl_s": (15, 30)},
    "client_id_takeover": {"flap_s": (3, 20)},
    "dns_failure": {"renewal": {"base_s": (0, 20), "spread_s": (30, 150)}, "pinned": (0, 0.3)},
    "tls_cert_expired": {"renewal": {"base_s": (0, 20), "spread_s": (30, 150)}},
    "tls_not_yet_valid_clock1970": {"sync": {"median_s": (30, 120), "sigma": (0.5, 1.0)}},
    "bad_firmware_cohort": {"probability": (0.6, 1.0)},
    "update_or_daily_reboot": {
        "begins": {"base_s": (0, 20), "spread_s": (30, 120)},
        "busy": {"base_s": (40, 100), "spread_s": (30, 100)},
    },
    "ack_lost_executed": {"loss": (0.5, 1.0)},
    "ack_without_actuation": {"probability": (0.5, 1.0)},
    "can_bus_asleep_no_ack": {"probability": (0.3, 1.0)},
    "event_storm_self_ddos": {"rate_per_s": (15, 30)},
    "loose_wiring": {
        "good": {"base_s": (3, 10), "spread_s": (7, 60)},
        "bad": {"base_s": (5, 20), "spread_s": (20, 60)},
    },
    "sms_wake_lost": {"loss": (0.6, 1.0)},
    "regional_carrier_outage": {"return_spread_s": (0, 60)},
    "network_sunset": {"spread_s": (0, 60)},
    "reconnect_storm": {"retry_s": (20, 40)},
    "broker_auth_backend_down": {"gives_up": (0.2, 0.6)},
    "queue_full_drop": {"max_queued_messages": (20, 200)},
    "generic_500": {"successes": (0.2, 0.8)},
    "wrong_vehicle_state": {"lasts": (120, 400)},
    "actuator_inhibit_or_frozen": {"inhibit_s": (60, 200), "weak_v": (8.3, 8.9)},
    "auto_relock": {"after": (1.5, 5)},
    "silent_success": {"probability": (0.2, 0.6)},
    "ok_at_enqueue": {"unsent": (0.1, 0.4)},
    "app_gateway_outage": {"login_failures": (0.6, 1.0), "unreached": (0.0, 0.3)},
    "booking_window_race": {"lag": {"base_s": (0, 5), "spread_s": (15, 50)}},
    "wrong_vin_mapping": {"share": (0.9, 1.0)},
    "retry_double_execution": {"loss": (0.2, 0.5), "retry_after_s": (5, 8)},
    "stuck_in_progress": {"loss": (0.2, 0.5)},
    "attack_bruteforce_vehicle_ids": {"cars_per_h": (400, 3_000)},
    "attack_replay": {"after": {"base_s": (20, 30), "spread_s": (5, 10)}, "share": (0.7, 1.0)},
    "ghost_gps": {"stale_s": (2_400, 7_200), "moved_m": (300, 900)},
    "impossible_travel": {"gap": {"base_s": (20, 40), "spread_s": (20, 60)}, "share": (0.2, 0.4)},
    "insider_or_support_unlock": {"every": {"base_s": (15, 30), "spread_s": (10, 30)}},
    "wrong_car_approached": {"share": (0.2, 0.5)},
}  # fmt: skip
"""Ranges of faults whose defaults do not show, or whose severity varies."""

VARIANTS: Final[dict[str, tuple[dict[str, Any], ...]]] = {
    "wrong_vehicle_state": (
        {"state": "ignition_on"}, {"state": "not_in_park"}, {"state": "privacy_mode"},
    ),
    "actuator_inhibit_or_frozen": ({"why": "frozen"}, {"why": "hot"}, {"why": "weak"}),
    "partial_unlock": ({"opens": "boot"}, {"opens": "driver"}, {"opens": "doors"}),
    "phone_side": ({"what": "no_data"}, {"what": "app_bug", "app_version": "5.2.0"}),
    "acl_denied_silent": ({"denies": "box"}, {"denies": "publisher"}),
    "retained_command": ({"executes_again": True}, {"executes_again": False}),
    "update_or_daily_reboot": ({}, {"version": "2.6.0"}, {"busy": 0}),
    "planned_maintenance_window": ({}, {"only_commands": True}, {"says_when": False}),
    "reconnect_storm": ({}, {"waves": 2}, {"jitter_s": 5.0}),
    "booking_window_race": ({}, {"checked_by": "box"}),
    "door_ajar_repulsion": ({}, {"door": "Vehicle.Cabin.Door.Row1.DriverSide"}),
}  # fmt: skip
"""Kinds of one fault, each as likely as the others; what they set goes before `RANGES`."""
_SHORT: Final = {"base_s": 15, "spread_s": 12}
_LONG: Final = {"base_s": 600, "spread_s": 3_000}
_BEFORE_SLOW_HANDS: Final = {"base_s": 8, "spread_s": 14}
LEARNED_VARIANTS: Final[dict[str, tuple[dict[str, Any], ...]]] = {
    **VARIANTS,
    "no_coverage_garage": ({}, {}, {}, {"episode": _SHORT}, {"episode": _LONG}),
    "late_delivery_persistent_session": ({}, {}, {}, {"offline": _SHORT}),
    "auto_relock": ({}, {}, {"after": _BEFORE_SLOW_HANDS}),
}
"""Ranges for training incidents. Rare cases must be known too. Examples are a coverage loss that a
connection survives or that outlasts all looks, and a car that locks itself before slow
customers."""
TOGETHER: Final[dict[str, tuple[str, ...]]] = {
    "regional_carrier_outage": ("operator",),
    "dns_failure": ("operator",),
    "network_sunset": ("operator",),
    "sim_suspended_datacap": ("operator",),
    "bad_firmware_cohort": ("firmware",),
    "tls_cert_expired": ("firmware", "firmware", "all"),
    "ttl_too_long_rejected": ("firmware",),
    "box_busy_duplicate": ("hardware",),
    "reconnect_storm": ("all", "region"),
    "broker_auth_backend_down": ("all", "all", "firmware"),
    "shared_sub_stuck_consumer": ("all",),
    "wrong_vin_mapping": ("some",),
    "phone_side": ("some", "group", "all"),
    "ble_token_expired_offline": ("some",),
    "attack_replay": ("some",),
    "wrong_car_approached": ("all",),
    "attack_bruteforce_vehicle_ids": ("all",),
    "impossible_travel": ("region",),
    "insider_or_support_unlock": ("all",),
    "retained_command": ("some",),
}
"""The trait that the affected cars of a fault share. Other faults hit single cars, each for its own
time, and faults of the platform hit all."""
ANYTHING: Final = ("group", "region", "operator", "firmware", "hardware", "some")
COMMON: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(
        (
            "modem_search_drain", "late_delivery_persistent_session", "undervoltage_cutout",
            "actuator_inhibit_or_frozen", "auto_relock", "door_ajar_repulsion",
            "wrong_vehicle_state",
        ),
        ("group", "region", "some"),
    ),
    **dict.fromkeys(
        (
            "half_open_tcp_nat", "inflight_stall", "queue_full_drop", "acl_denied_silent",
            "lwt_ghost_offline", "deep_sleep_modem_off", "tls_not_yet_valid_clock1970",
            "update_or_daily_reboot", "ack_lost_executed",
        ),
        ANYTHING,
    ),
    **dict.fromkeys(
        ("event_storm_self_ddos", "can_bus_asleep_no_ack", "ack_without_actuation"),
        ("group", "hardware", "firmware", "some"),
    ),
    "no_coverage_garage": ("region", "group"),
    "one_way_downlink": ("group", "region", "operator", "some"),
    "loose_wiring": ("some",),
}  # fmt: skip
"""Faults that hit single cars or many at a time, and the trait that these share. Examples are a
garage, a valley, a frost, an operator's NAT, a release, and a bad workshop."""
SLEEPERS: Final = frozenset({"sms_wake_lost", "slow_wake_client_timeout", "stale_online_cache"})
"""Faults that show on sleeping boxes alone."""
LIVES_S: Final = {
    "late_delivery_persistent_session": 600.0,
    "slow_wake_client_timeout": 90.0,
    "ttl_too_long_rejected": 60.0,
}
"""Life of a command, for faults that show where they live long."""
HEARTBEAT_FROM_S: Final = {"sim_suspended_datacap": 20}
"""Shortest heartbeat interval of a fleet, for faults that hit talkative cars: the others must
report less."""
KEEPALIVE_FROM_S: Final = {"half_open_tcp_nat": 60}
"""No NAT forgets a connection that is used every few seconds; the shortest in the field is 30 s for
UDP, and some minutes for TCP."""
OLD_MODEMS: Final = ("gsm", "umts")
PLATFORMS: Final[dict[str, dict[str, Any]]] = {
    "stuck_in_progress": {"command_ttl_s": 15},
    "ok_at_enqueue": {"command_ttl_s": 15},
    "ghost_gps": {"max_distance_m": 50},
    "lwt_ghost_offline": {"refuses_offline": True},
    "shared_sub_stuck_consumer": {
        "shared_group": "command-service", "learns_from_state": False, "retry_after_s": None,
    },
}  # fmt: skip
"""How the platform must be so that a fault shows."""
WHO_CALL: Final[dict[str, Any]] = {
    "patience": {"base_s": 25, "spread_s": 10}, "calls_support": 1.0,
    "dials": {"base_s": 5, "spread_s": 5},
}  # fmt: skip
PEOPLE: Final[dict[str, dict[str, Any]]] = {
    "auto_relock": {},
    "door_ajar_repulsion": {},
    "partial_unlock": {},
    "double_booking_race": {"same_car": 0.6},
    "stuck_in_progress": {"tries_door": 0.2},
    "stale_online_cache": {"patience": 40},
    "ble_token_expired_offline": {
        "phone": {"timeout_s": 5, "offline_key_s": 2280},
        **WHO_CALL,
        "presses_again": 12,
    },
    "phone_side": {
        "phone": {
            "timeout_s": 6,
            "app_versions": [{"version": "5.1.0", "share": 2}, {"version": "5.2.0", "share": 1}],
        },
        **WHO_CALL,
        "presses_again": 8,
    },
    "wrong_car_approached": {**WHO_CALL, "presses_again": 8},
    "ghost_gps": {"phone": {"sends_position": True}, **WHO_CALL},
    "impossible_travel": {"phone": {"sends_position": True}},
    "attack_replay": {},
    "insider_or_support_unlock": {},
    "attack_bruteforce_vehicle_ids": {},
}
"""Faults that show where customers come, and how those must be."""
BROUGHT_OUT_BY: Final = {
    "retained_command": ("reconnect_storm", {"waves": 2, "retry_s": 2.0, "jitter_s": 5.0})
}
"""Faults that show when another one comes, which by itself harms nobody for long."""
TAPPED_TWICE: Final = {"box_busy_duplicate": 0.5}
CHATTY_HEARTBEAT_S: Final = 3.0
REGIONS: Final = ("north", "south", "east")
OPERATORS: Final = ("operator-a", "operator-b")
FIRMWARES: Final = ("2.4.1", "2.5.0")
HARDWARES: Final = ("tcu-2", "tcu-3")
VALUES: Final = {
    "region": REGIONS,
    "operator": OPERATORS,
    "firmware": FIRMWARES,
    "hardware": HARDWARES,
}


def scored_faults() -> tuple[str, ...]:
    """Return the faults that are modes of the catalogue, in its order."""
    return tuple(slug for slug in MODES if slug in FAULTS)


def loss_of(fault: str, number: int) -> Loss:
    """Return what the incident of this number lacks: faults next to each other other things.

    So a run with one incident of each fault holds every loss, and one with eight each fault with
    every loss.
    """
    return MIX[([*MODES].index(fault) + 3 * number) % len(MIX)]


def learned_loss_of(fault: str, number: int) -> Loss:
    """Return what the incident of this number lacks that weights are learned from."""
    if number < len(MIX):
        return loss_of(fault, number)
    return LEARNED_BESIDE[(number - len(MIX)) % len(LEARNED_BESIDE)]
