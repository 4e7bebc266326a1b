"""A private broker: a child process on 127.0.0.1 that lives as long as the run.

mosquitto where it is installed. Else iotcore (rumqttd), which comes with the Python packages and
needs no root, but carries far fewer boxes.
"""

from __future__ import annotations

import errno
import os
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

from fleet_wire.errors import BrokerUnreachableError, ConfigError
from fleet_wire.links.link import BrokerAddress
from fleet_wire.private_files import open_to_append

BrokerKind = Literal["auto", "mosquitto", "iotcore"]

HOST = "127.0.0.1"
IOTCORE_MAX_BOXES = 2_000
"""Above this iotcore 0.4 gets slow: it answers about a thousand round trips a second."""

_SEARCH_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
_FREE_PORT_TRIES = 5
_FIRST_PORT = 10_000
"""Below stand the ports of services that are known."""
_PORTS_OF_CLIENTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
_STOP_TIMEOUT_S = 5.0
_POLL_S = 0.01

# rumqttd routes in segments and answers one MQTT version a port: [v5] is MQTT 5.
_IOTCORE_CONFIG = """\
id = 0
[router]
id = 0
max_connections = {max_connections}
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[{version}.1]
name = "{version}"
listen = "{host}:{port}"
next_connection_delay_ms = 0
[{version}.1.connections]
connection_timeout_ms = 60000
max_payload_size = 1048576
max_inflight_count = 100
dynamic_filters = false
"""

_MOSQUITTO_CONFIG = """\
listener {port} {host}
allow_anonymous true
persistence false
set_tcp_nodelay true
connection_messages false
log_dest stderr
log_type error
log_type warning
log_type notice
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 0
"""
_MOSQUITTO_STAYS_ROOT = "user root\n"
"""Started as root, mosquitto would become user `mosquitto`, who cannot read the run's directory."""


class BrokerProcess:
    """A broker child. Starts in `start_broker`; `stop` it, or use it as a context manager."""

    START_TIMEOUT_S: ClassVar = 15.0
    """How long it may take until it accepts connections."""

    def __init__(
        self,
        *,
        kind: str,
        port: int,
        command: Sequence[str],
        log_file: Path,
    ) -> None:
        self.kind = kind
        self.port = port
        self.max_boxes: int | None = IOTCORE_MAX_BOXES if kind == "iotcore" else None
        """How many boxes it can carry; None: no limit of its own."""
        self.log_file = log_file
        self._command = list(command)
        self._process = self._spawn()

    @property
    def address(self) -> BrokerAddress:
        """The listener's address."""
        return BrokerAddress(scheme="mqtt", host=HOST, port=self.port)

    @property
    def pid(self) -> int:
        """The process id of the child."""
        return self._process.pid

    @property
    def description(self) -> str:
        """A line for the user: which broker, where, and its limit if it has one."""
        if self.max_boxes is None:
            return f"{self.kind} on {self.address}"
        return (
            f"{self.kind} on {self.address}: mosquitto is not installed, so at most"
            f" {self.max_boxes} boxes (apt install mosquitto lifts this)"
        )

    def poll(self) -> int | None:
        """Return the exit code of the child, negative for a signal; None while it runs."""
        return self._process.poll()

    @property
    def is_stopped(self) -> bool:
        """Whether the child is stopped (SIGSTOP): it exists, and answers nobody.

        Only Linux says so in each Python; elsewhere it is false.
        """
        if sys.platform != "linux" or self.poll() is not None:
            return False
        state = os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT)
        return state is not None

    def log_text(self) -> str:
        """Return what the broker has logged so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def kill(self, *, wait: bool = True) -> None:
        """Kill the child as a crash does, and wait until it is gone unless `wait` is false."""
        self._process.kill()
        if wait:
            self._process.wait()

    def stop(self) -> None:
        """End the child: SIGTERM, and SIGKILL where that does not help. Safe to call twice."""
        if self.poll() is not None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def stop_reading(self) -> None:
        """Stop the child with SIGSTOP: the kernel still accepts, nobody reads.

        One that has ended reads nothing as it is.
        """
        if self.poll() is not None:
            return
        self._process.send_signal(signal.SIGSTOP)
        if sys.platform == "linux":
            # Until it has stopped, which is a moment later, it reads what comes.
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def continue_reading(self) -> None:
        """Undo `stop_reading`."""
        self._process.send_signal(signal.SIGCONT)

    def reload(self) -> None:
        """Reload mosquitto's access rules and passwords (SIGHUP)."""
        if self.poll() is None:
            self._process.send_signal(signal.SIGHUP)

    def restart(self) -> None:
        """Start again on the same port, once `kill` or `stop` has ended it.

        Call it from the main thread, as `start_broker`; `wait_until_accepting` may wait in another.
        """
        self.stop()
        self._process = self._spawn()

    def wait_until_accepting(self, port: int | None = None) -> None:
        """Wait for the first connection that it accepts, on its own port or another listener's.

        Raises `BrokerUnreachableError` with the end of the broker's log if it dies, or is too slow.
        """
        deadline_s = time.monotonic() + self.START_TIMEOUT_S
        while time.monotonic() < deadline_s:
            if self.poll() is not None:
                break
            try:
                socket.create_connection(
                    (HOST, port or self.port), timeout=self.START_TIMEOUT_S
                ).close()
            except OSError:
                time.sleep(_POLL_S)
            else:
                return
        code = self.poll()
        self.stop()
        what = "does not accept connections" if code is None else f"ended with exit code {code}"
        raise BrokerUnreachableError(
            f"{self.kind} on port {self.port} {what}: {self.log_text()[-800:].strip()}"
        )

    def _spawn(self) -> subprocess.Popen[bytes]:
        with os.fdopen(open_to_append(self.log_file), "ab") as log:
            process = subprocess.Popen(  # noqa: S603 - a program that we found ourselves
                [*dies_with_us(), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us: the broker must outlive the draining
            )
        _raise_descriptor_limit(process.pid)
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_broker(
    kind: BrokerKind,
    directory: Path,
    *,
    config: str = "",
    protocol: Literal["5", "3.1.1"] = "5",
) -> BrokerProcess:
    """Start a broker and wait until it accepts connections.

    It listens on a free port. `directory` gets its configuration and log. `config` is appended to
    mosquitto's configuration; `protocol` matters to iotcore only, which speaks one version a port.
    Call it from the main thread: the child ends with the thread that starts it. Raises
    `ConfigError` where `kind` is not installed, `BrokerUnreachableError` where the broker does not
    come up.
    """
    directory.mkdir(parents=True, exist_ok=True)
    program = mosquitto_program()
    if kind == "mosquitto" and program is None:
        raise ConfigError(["broker mosquitto: not installed; `apt install mosquitto` installs it"])
    for tries_left in reversed(range(_FREE_PORT_TRIES)):
        port = free_port()
        try:
            if program is None or kind == "iotcore":
                return _start_iotcore(directory, port, protocol)
            return _start_mosquitto(program, directory, port, config)
        except BrokerUnreachableError:
            # Another program may have taken the port since it was found free.
            if not tries_left or _is_free(port):
                raise
    raise AssertionError("the last try returns or raises")


def mosquitto_program() -> str | None:
    """Return where mosquitto is; None where it is not installed."""
    return shutil.which("mosquitto", path=_SEARCH_PATH)


def free_port() -> int:
    """Return a TCP port on 127.0.0.1 that was free a moment ago.

    The port is below the kernel's ephemeral range if possible. Otherwise another client or broker
    may get it before our broker listens.
    """
    count = _first_port_of_clients() - _FIRST_PORT
    for _ in range(_FREE_PORT_TRIES if count > 0 else 0):
        port = _FIRST_PORT + secrets.randbelow(count)
        if _is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        given: int = probe.getsockname()[1]
        return given


def _first_port_of_clients() -> int:
    """Return where the range begins from which the kernel takes ports; 0: it does not say."""
    try:
        return int(_PORTS_OF_CLIENTS.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 0


def _start(
    kind: str, directory: Path, port: int, *, config_name: str, config: str, command: Sequence[str]
) -> BrokerProcess:
    """Start one on a port; `command` gets the path of its configuration behind it."""
    config_file = directory / config_name
    config_file.write_text(config, encoding="utf-8")
    broker = BrokerProcess(
        kind=kind,
        port=port,
        command=[*command, str(config_file)],
        log_file=directory / f"{kind}.log",
    )
    broker.wait_until_accepting()
    return broker


def _start_mosquitto(program: str, directory: Path, port: int, config: str) -> BrokerProcess:
    user = _MOSQUITTO_STAYS_ROOT if os.geteuid() == 0 else ""
    text = user + _MOSQUITTO_CONFIG.format(host=HOST, port=port) + config
    command = (program, "-c")
    return _start(
        "mosquitto", directory, port, config_name="mosquitto.conf", config=text, command=command
    )


def _start_iotcore(directory: Path, port: int, protocol: str) -> BrokerProcess:
    text = _IOTCORE_CONFIG.format(
        host=HOST,
        port=port,
        version="v5" if protocol == "5" else "v4",
        max_connections=IOTCORE_MAX_BOXES + 100,
    )
    quiet = ("--log-level", "CRITICAL")  # rumqttd logs every packet as an error
    command = (sys.executable, "-m", "iotcore", *quiet, "--config")
    return _start(
        "iotcore", directory, port, config_name="iotcore.toml", config=text, command=command
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
        return True


def dies_with_us() -> list[str]:
    """Return what makes the child end with its parent, even after SIGKILL, where there is that."""
    setpriv = shutil.which("setpriv", path=_SEARCH_PATH)
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def _raise_descriptor_limit(pid: int) -> None:
    """Raise the soft limit of a child's open files to the hard one; elsewhere it keeps ours."""
    if sys.platform == "linux":
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
