"""The brokers of a live run: private ones that live as long as it does, or those of the user."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from fleet_sim.broker.access import BrokerAccess
from fleet_sim.broker.control import BrokerControl
from fleet_sim.broker.process import BrokerKind, BrokerProcess, start_broker
from fleet_sim.cars.modem import Modem
from fleet_sim.faults import Need
from fleet_sim.runs.injection import broker_settings
from fleet_sim.scenario.form import Scenario
from fleet_wire.errors import ConfigError
from fleet_wire.links.brokers import Brokers
from fleet_wire.links.connecting import Identity
from fleet_wire.links.link import LinkHandler
from fleet_wire.profiles.loading import load_profile

if TYPE_CHECKING:
    from fleet_sim.broker.certificates import BadCertificates

NEEDS_MOSQUITTO = (
    "a fault of this scenario needs a broker whose settings we choose, and mosquitto is not"
    " installed: install it, or use --mode virtual"
)


_NOBODY = Identity(username="nobody", password="")
"""A user whom the broker does not know. The answer equals that of a broker that cannot check
users."""


class MosquittoControl(BrokerControl):
    """Turns boxes away by access rules that are read anew, and by a name that nobody has."""

    def __init__(self, brokers: Sequence[BrokerProcess], access: BrokerAccess) -> None:
        super().__init__()
        self._brokers = brokers
        self._access = access

    def apply(self) -> None:
        """Write the access rules, and let the brokers read them; they do at once."""
        topics = [each for filters in self.denied.values() for each in filters]
        self._access.deny(boxes=topics, everybody=self.closed)
        for broker in self._brokers:
            broker.reload()

    def identity_of(self, handler: LinkHandler) -> Identity | None:
        """Return who a box is at its next connect; None: it comes without a name, as all do."""
        if isinstance(handler, Modem) and handler.vehicle_id in self.refused:
            return _NOBODY
        return None


class RunBrokers:
    """The brokers at which boxes, platform and monitor of a run meet.

    Use it as a context manager.
    """

    def __init__(self, brokers: Brokers) -> None:
        self.brokers = brokers
        """Their addresses for anonymous clients."""
        self.processes: tuple[BrokerProcess, ...] = ()
        """Those that are ours."""
        self.control: MosquittoControl | None = None
        """The control that refuses boxes, if the brokers are ours and mosquitto."""
        self.bad_certificates: BadCertificates | None = None
        """The listeners with bad certificates, if faults need them."""
        self._access: BrokerAccess | None = None
        self._open = ExitStack()

    @classmethod
    def private(
        cls, scenario: Scenario, directory: Path, *, kind: BrokerKind = "auto", count: int = 1
    ) -> Self:
        """Start a number of brokers; `directory` gets their files.

        Raises `ConfigError` where a fault needs another kind, or one kind carries too few boxes.
        """
        access, settings = BrokerAccess(directory), broker_settings(scenario)
        bad = None
        if settings.shows_bad_certificates:
            from fleet_sim.broker.certificates import BadCertificates  # noqa: PLC0415 - few need it

            bad = BadCertificates(directory / "tls")
        config = access.config() + settings.mosquitto_config()
        protocol = load_profile(scenario.fleet.profile).traits.mqtt
        with ExitStack() as stack:
            processes = []
            for number in range(1, count + 1):
                place = directory if count == 1 else directory / f"{number}"
                more = bad.config() if bad is not None and number == 1 else ""
                process = start_broker(kind, place, config=config + more, protocol=protocol)
                processes.append(stack.enter_context(process))
            made = cls(Brokers(tuple(process.address for process in processes)))
            made.processes = tuple(processes)
            if processes[0].kind == "mosquitto":
                made._access = access
                made.bad_certificates = bad
                made.control = MosquittoControl(processes, access)
            elif any(Need.OWN_BROKER in entry.fault().needs for entry in scenario.faults):
                raise ConfigError([NEEDS_MOSQUITTO])
            _check_room(scenario.fleet.count, processes[0])
            made._open = stack.pop_all()
        return made

    @property
    def description(self) -> str:
        """A line for the user: which brokers, where, and their limit if they have one."""
        if not self.processes:
            return str(self.brokers)
        if len(self.processes) == 1:
            return self.processes[0].description
        return f"{self.processes[0].kind}: {self.brokers}"

    @property
    def has_log(self) -> bool:
        """Whether the brokers publish their log for the monitor."""
        return self._access is not None

    @property
    def wants_quick_ack(self) -> bool:
        """Whether the brokers do not set TCP_NODELAY."""
        return any(process.kind == "iotcore" for process in self.processes)

    def as_user(self, user: str) -> Brokers:
        """Return their addresses for a user of ours, where they have such users."""
        access = self._access
        if access is None:
            return self.brokers
        return Brokers(tuple(access.address_of(user, each) for each in self.brokers.addresses))

    def stop_reading(self) -> None:
        """Stop private brokers: the run is over, and nobody needs their messages.

        Otherwise the goodbyes of boxes would use both cores. For each one mosquitto 2.0.21 looks
        through all sessions that may return: minutes for a million boxes.
        """
        for process in self.processes:
            process.stop_reading()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the brokers at once: their state is of no further use.

        A mosquitto that may end by itself frees 18,000 sessions first, for five seconds and more.
        """
        for process in self.processes:
            process.kill(wait=False)
        for process in self.processes:
            process.kill()
        self._open.close()


def _check_room(boxes: int, broker: BrokerProcess) -> None:
    if broker.max_boxes is not None and boxes > broker.max_boxes:
        too_many = f"{boxes} boxes are too many for {broker.kind}, which carries {broker.max_boxes}"
        cure = "install mosquitto, name a broker with --broker, or take fewer cars"
        raise ConfigError([f"{too_many}; {cure}: --set fleet.count=N, N in each group"])
