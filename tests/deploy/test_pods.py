"""The commands of the Kubernetes manifests at work, as in pods, on a real broker.

Each finds what it would find in a cluster (`tests/helpers/pods.py`): variables of Services, a root
that cannot be written to, a user id that nobody knows. A pod ends by SIGTERM, or by SIGKILL.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from fleet_sim.broker.process import BrokerProcess, free_port
from tests.helpers.commands import SCENARIO
from tests.helpers.manifests import KUBERNETES, Pod
from tests.helpers.pods import running_pod
from tests.helpers.shipped import mosquitto_config
from tests.helpers.waiting import wait_for

pytestmark = [pytest.mark.long, pytest.mark.broker, pytest.mark.kustomize, pytest.mark.namespaces]

SHARDS = 3
NOTHING: Mapping[str, str] = {}
BOXES = Pod(build="base", kind="StatefulSet", workload="boxes", name="", fleet={})


class Cluster:
    """Pods on one broker, until the end of a block."""

    def __init__(self, directory: Path, broker: BrokerProcess, stack: ExitStack) -> None:
        self._directory = directory
        self._stack = stack
        scenario = directory / "nine-cars.yaml"
        scenario.write_text(SCENARIO.replace("count: 30", "count: 9"))
        self.fleet = {
            "SCENARIO": f"{scenario}", "SHARDS": f"{SHARDS}", "BROKERS": f"{broker.address}",
        }  # fmt: skip

    def start(
        self,
        pod: Pod,
        name: str,
        *,
        fleet: Mapping[str, str] = NOTHING,
        places: Mapping[str, str] = NOTHING,
        environment: Mapping[str, str] = NOTHING,
    ) -> subprocess.Popen[bytes]:
        """Start a pod of a workload. `fleet` is what this one is told otherwise.

        `places` stand for words of its command that are of the container, and so may variables.
        """
        pod = replace(pod, name=name, fleet={**self.fleet, **fleet})
        command = [places.get(word, word) for word in pod.command()]
        variables = {**pod.environment(), **environment}
        return self._stack.enter_context(
            running_pod(command, variables, name=name, directory=self._directory)
        )

    def log(self, name: str) -> str:
        """Return all that pods of this name have said."""
        return (self._directory / f"{name}.log").read_text(errors="replace")

    def wait_for(self, name: str, *texts: str) -> None:
        """Wait until a pod has said each of these."""
        try:
            wait_for(lambda: all(text in self.log(name) for text in texts))
        except AssertionError:
            raise AssertionError(
                f"{texts} not in what {name} said:\n{self.log(name)[-3_000:]}"
            ) from None


@pytest.fixture
def cluster(tmp_path: Path, mosquitto: BrokerProcess) -> Iterator[Cluster]:
    """Yield a cluster with one broker."""
    with ExitStack() as stack:
        yield Cluster(tmp_path, mosquitto, stack)


def is_there(port: int) -> bool:
    """Return whether something listens there."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10):
        return True
    return False


def test_the_broker_keeps_what_is_retained_in_its_volume(tmp_path: Path) -> None:
    """With the shipped configuration, as the user that OpenShift chooses."""
    port = free_port()
    config = f"{mosquitto_config(tmp_path / 'broker-0')}\nlistener {port} 127.0.0.1\n"
    (tmp_path / "mosquitto.conf").write_text(config)
    command = ["mosquitto", "-c", f"{tmp_path / 'mosquitto.conf'}"]
    with running_pod(command, {}, name="broker-0", directory=tmp_path) as process:
        wait_for(lambda: is_there(port))
        process.terminate()
        assert process.wait(60) == 0
    assert (tmp_path / "broker-0" / "mosquitto.db").stat().st_size > 0


def test_shards_that_fit_together_say_the_same_digest(cluster: Cluster) -> None:
    """One with another list of brokers says another: its cars are elsewhere."""
    others = {"BROKERS": f"{cluster.fleet['BROKERS']},mqtt://127.0.0.1:9"}
    digests = []
    for number, fleet in enumerate(({}, {}, others)):
        name = f"boxes-{number}"
        shard = cluster.start(BOXES, name, fleet=fleet)
        start = f"connecting 3 boxes (shard {number + 1} of 3, configuration "
        cluster.wait_for(name, start)
        digests.append(cluster.log(name).partition(start)[2].partition(")")[0])
        shard.send_signal(signal.SIGTERM)
        assert shard.wait(60) == 0
    assert digests[0] == digests[1] != digests[2]


def is_fine(url: str) -> bool:
    """Return whether something answers there, and with 200."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - of our own
            return bool(answer.status == 200)
    except OSError:
        return False


def test_monitor_and_platform_need_no_place_of_their_own(cluster: Cluster) -> None:
    """They become ready beside variables of Services, write to their volume alone, and end well."""
    port, api_port = free_port(), free_port()
    name = "platform-probe-x2b4"
    probe = cluster.start(
        Pod(build="base", kind="Deployment", workload="platform-probe", name="", fleet={}),
        name,
        places={"/etc/platform-probe.yaml": f"{KUBERNETES / 'base' / 'platform-probe.yaml'}"},
        environment={
            "PLATFORM_PROBE_LISTEN": f"127.0.0.1:{port}",
            "PLATFORM_PROBE_OUT_DIR": ".",
            "PLATFORM_PROBE_LOAD__VEHICLES_FILE": f"{KUBERNETES / 'base' / 'vehicles.txt'}",
            "PLATFORM_PROBE_LOAD__DEADLINE_S": "1",
            "PLATFORM_PROBE_CONSOLE__LISTEN": "127.0.0.1:0",
            "PLATFORM_PROBE_CONSOLE__TOKENS_FILE": f"{KUBERNETES / 'monitor' / 'tokens.txt'}",
            "TMPDIR": ".",
        },
    )
    platform = cluster.start(
        Pod(build="base", kind="Deployment", workload="platform", name="", fleet={}),
        "platform-9d7f",
        places={"--listen=0.0.0.0:8080": f"--listen=127.0.0.1:{api_port}"},
    )
    wait_for(lambda: is_fine(f"http://127.0.0.1:{port}/readyz"))
    cluster.wait_for(name, '"event":"console"')
    wait_for(lambda: is_fine(f"http://127.0.0.1:{api_port}/healthz"))
    for process in (probe, platform):
        process.terminate()
        assert process.wait(60) == 0
    assert "Traceback" not in cluster.log(name) + cluster.log("platform-9d7f")


@pytest.mark.dask
def test_workers_of_sweeps_find_their_scheduler(cluster: Cluster) -> None:
    """Dask itself writes to nothing but the worker's volume; told to end, both do."""
    port = free_port()
    at = {"--port=8786": f"--port={port}", "tcp://sweep-scheduler:8786": f"tcp://127.0.0.1:{port}",
          "--local-directory=/data": "--local-directory=."}  # fmt: skip
    scheduler, worker = (
        cluster.start(
            Pod(build="sweeps", kind="Deployment", workload=name, name="", fleet={}),
            name, places=at, environment={"TMPDIR": "."},
        )
        for name in ("sweep-scheduler", "sweep-worker")
    )  # fmt: skip
    cluster.wait_for("sweep-worker", "Registered to:")
    for process in (worker, scheduler):
        process.terminate()
        assert process.wait(60) == 0
    assert "Traceback" not in cluster.log("sweep-worker") + cluster.log("sweep-scheduler")
