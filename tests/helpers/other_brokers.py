"""RabbitMQ and ejabberd: private children on free ports, all that they write in a directory.

Both are set up alike, so that one test serves for both. They let in one user, by password or, over
TLS, by a certificate with that name; nobody else. Neither is asked to end: what they would save is
thrown away.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template
from typing import Self

import trustme

from fleet_sim.broker.process import HOST, BrokerProcess, dies_with_us, free_port
from fleet_wire.links.link import BrokerAddress
from tests.helpers.places import ROOT
from tests.helpers.stack import running
from tests.helpers.waiting import wait_for

USER = "probe"
PASSWORD = "s3cret"  # noqa: S105 - of a broker that lives as long as a test
AUTHORITY = trustme.CA()
"""It signs the certificate of either broker, and those of its clients."""
_NOT_INSTALLED = "scripts/setup --other-brokers installs RabbitMQ and ejabberd"

_CONFIGS = ROOT / "tests" / "helpers" / "other_brokers_config"
# https://www.rabbitmq.com/docs/mqtt, https://www.rabbitmq.com/docs/web-mqtt
_RABBITMQ_CONFIG = Template((_CONFIGS / "rabbitmq.conf").read_text("utf-8"))
_RABBITMQ_PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""What the one in PATH starts as the user of the system's service."""
_RABBITMQ_READY = "completed with"

# https://docs.ejabberd.im/admin/guide/mqtt/. It keeps sessions for 5 minutes where it is not told;
# no test asks for more than 10. What checks clients' certificates has the name of XMPP's clients.
_EJABBERD_CONFIG = Template((_CONFIGS / "ejabberd.yml").read_text("utf-8"))
_EJABBERD_PROGRAM = "*/ejabberd-*/ebin/ejabberd.beam"
"""Under /usr/lib, by machine and version; `ejabberdctl` starts it as the service's user."""
_EJABBERD_READY = "the user is registered"
_EJABBERD_REGISTERS = (
    f'ejabberd_auth:try_register(<<"{USER}">>, <<"localhost">>, <<"{PASSWORD}">>),'
    f' io:format("{_EJABBERD_READY}~n")'
)


class OtherBroker(BrokerProcess):
    """A broker with a listener for each scheme, which takes its time to start."""

    START_TIMEOUT_S = 120.0

    def __init__(
        self, kind: str, directory: Path, *, command: list[str], ports: dict[str, int], ready: str
    ) -> None:
        self._ports = ports
        self._ready = ready
        log_file = directory / f"{kind}.log"
        super().__init__(kind=kind, port=ports["mqtt"], command=command, log_file=log_file)

    @property
    def address(self) -> BrokerAddress:
        """Where MQTT is spoken over plain TCP, with user and password."""
        return self.at("mqtt")

    def at(self, scheme: str) -> BrokerAddress:
        """Return the address of a listener, with user and password."""
        address = BrokerAddress(scheme, HOST, self._ports[scheme])
        return replace(address, username=USER, password=PASSWORD)

    def wait_until_accepting(self, port: int | None = None) -> None:
        """Wait until it says that it is ready, too: its listeners open before."""
        super().wait_until_accepting(port)
        wait_for(
            lambda: self._ready in self.log_text() or self.poll() is not None, self.START_TIMEOUT_S
        )
        assert self.poll() is None, self.log_text()[-2_000:]

    def stop(self) -> None:
        """Kill it."""
        if self.poll() is None:
            self.kill()

    def restart(self) -> None:
        """Start again, with a new log."""
        self.log_file.unlink()
        super().restart()


@contextmanager
def running_rabbitmq(directory: Path) -> Iterator[OtherBroker]:
    """Run a RabbitMQ, and the daemon by which nodes of Erlang find each other."""
    assert _RABBITMQ_PROGRAM.exists(), _NOT_INSTALLED
    ports = new_ports()
    write_certificates(directory)
    config = _write(directory / "rabbitmq.conf", _RABBITMQ_CONFIG, ports)
    (directory / "enabled_plugins").write_text("[rabbitmq_mqtt, rabbitmq_web_mqtt].")
    epmd_port = free_port()
    variables = {
        "ERL_EPMD_PORT": epmd_port,
        "RABBITMQ_ALLOW_INPUT": 1,  # the shell then becomes the broker, and is not its parent
        "RABBITMQ_CONFIG_FILE": config,
        "RABBITMQ_CONFIG_FILES": directory / "conf.d",
        "RABBITMQ_CONF_ENV_FILE": directory / "rabbitmq-env.conf",
        "RABBITMQ_DIST_PORT": free_port(),
        "RABBITMQ_ENABLED_PLUGINS_FILE": directory / "enabled_plugins",
        "RABBITMQ_LOG_BASE": directory,
        "RABBITMQ_MNESIA_BASE": directory,
        "RABBITMQ_NODENAME": "private@localhost",
        "RABBITMQ_PID_FILE": directory / "pid",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }
    command = [*_with(variables, directory), f"{_RABBITMQ_PROGRAM}", "-noinput"]
    epmd = [*dies_with_us(), "epmd", "-port", f"{epmd_port}", "-address", HOST]
    with (
        running(epmd, directory / "epmd.log"),
        OtherBroker(
            "rabbitmq", directory, command=command, ports=ports, ready=_RABBITMQ_READY
        ) as broker,
    ):
        broker.wait_until_accepting()
        yield broker


@contextmanager
def running_ejabberd(directory: Path) -> Iterator[OtherBroker]:
    """Run an ejabberd: a node without a name, which no other can find."""
    libraries = [found.parents[2] for found in Path("/usr/lib").glob(_EJABBERD_PROGRAM)]
    assert libraries, _NOT_INSTALLED
    ports = new_ports()
    write_certificates(directory)
    variables = {
        "EJABBERD_CONFIG_PATH": _write(directory / "ejabberd.yml", _EJABBERD_CONFIG, ports),
        "EJABBERD_LOG_PATH": directory / "ejabberd.own.log",
        "ERL_LIBS": libraries[0],
    }
    command = [*_with(variables, directory), "erl", "-noinput", "-mnesia", "dir", f'"{directory}"']
    command += ["-s", "ejabberd", "-eval", _EJABBERD_REGISTERS]
    with OtherBroker(
        "ejabberd", directory, command=command, ports=ports, ready=_EJABBERD_READY
    ) as broker:
        broker.wait_until_accepting()
        yield broker


OTHER_BROKERS: dict[str, Callable[[Path], AbstractContextManager[OtherBroker]]] = {
    "rabbitmq": running_rabbitmq,
    "ejabberd": running_ejabberd,
}


class SharedBrokers:
    """The brokers of several tests, each started when it is first asked for, or has been killed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stack = ExitStack()
        self._started: dict[str, OtherBroker] = {}
        self._names = (f"test-{number}" for number in itertools.count())

    def __getitem__(self, kind: str) -> OtherBroker:
        """Return one that serves."""
        if kind not in self._started:
            directory = self._directory / kind
            directory.mkdir()
            self._started[kind] = self._stack.enter_context(OTHER_BROKERS[kind](directory))
        broker = self._started[kind]
        if broker.poll() is not None:
            broker.restart()
            broker.wait_until_accepting()
        return broker

    def new_name(self) -> str:
        """Return a name that no test had: see `tests.helpers.apart`."""
        return next(self._names)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def new_ports() -> dict[str, int]:
    """Return a free port for each scheme."""
    return {scheme: free_port() for scheme in ("mqtt", "mqtts", "ws", "wss")}


def write_certificates(directory: Path) -> None:
    """Write the authority's certificate, and the broker's with its key."""
    AUTHORITY.cert_pem.write_to_path(f"{directory / 'ca.pem'}")
    soon = datetime.now(UTC) + timedelta(days=1)  # ejabberd sets a timer to its end: no year 3000
    certificate = AUTHORITY.issue_cert(HOST, not_after=soon)
    certificate.private_key_and_cert_chain_pem.write_to_path(f"{directory / 'broker.pem'}")


def _write(path: Path, config: Template, ports: Mapping[str, int]) -> Path:
    """Write a configuration."""
    places = {"directory": path.parent, "host": HOST, "user": USER, "password": PASSWORD}
    path.write_text(config.substitute(places, **ports), encoding="utf-8")
    return path


def _with(variables: Mapping[str, object], directory: Path) -> list[str]:
    """Return what starts a program with these variables, at home in `directory`."""
    own = {"HOME": directory, "ERL_CRASH_DUMP": directory / "erl_crash.dump", **variables}
    return ["env", "-C", f"{directory}", *(f"{name}={value}" for name, value in own.items())]
