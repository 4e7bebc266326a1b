"""Lean links with TLS beside bare handshakes: `python -m bench.tls [--connections N] [--rounds N]`.

Both connect to the same kind of mosquitto, 64 at a time, with one SSLContext for all. A handshake
of uvloop that says nothing is the floor; a link says CONNECT and SUBSCRIBE besides.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import trustme
import uvloop

from bench.child_fleet import running_fleet
from bench.fleets.common import ConnectedLine
from bench.machine import machine_facts
from bench.results import Goal, goals_table
from fleet_sim.broker.process import HOST, free_port, start_broker

KINDS = {"bare": "handshakes", "link": "bare"}
"""Which fleet of `bench.fleets` each is."""
_KIB = 1024
_MICROSECONDS = 1e6


async def measure_tls(kind: str, count: int) -> ConnectedLine:
    """Start a broker with a certificate, and return what `count` connections came to."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory, port = Path(name), free_port()
        authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
        ca_file, pem = directory / "ca.pem", directory / "broker.pem"
        authority.cert_pem.write_to_path(f"{ca_file}")
        authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(f"{pem}")
        listener = f"listener {port} {HOST}\ncertfile {pem}\nkeyfile {pem}\n"
        with start_broker("mosquitto", directory, config=listener) as broker:
            broker.wait_until_accepting(port)
            async with running_fleet(
                KINDS[kind], host=HOST, port=port, count=count, ca_file=ca_file
            ) as fleet:
                await fleet.stop()
                return fleet.connected


def tls_goals(lines: dict[str, list[ConnectedLine]]) -> list[Goal]:
    """Return what is to hold of links with TLS; ratios are taken round by round."""
    pairs = list(zip(lines["bare"], lines["link"], strict=True))
    rates = [(line.connected / line.seconds) for line in lines["link"]]
    return [
        Goal("connects/s of links", rates, None, form=",.0f"),
        Goal(
            "connect rate, link / bare handshake",
            [bare.seconds / link.seconds for bare, link in pairs],
            0.9,
            is_ceiling=False,
        ),
        Goal("CPU us, bare handshake", [_cpu_us(line) for line in lines["bare"]], None, form=".0f"),
        Goal("CPU us, link", [_cpu_us(line) for line in lines["link"]], None, form=".0f"),
        Goal("CPU, link / bare handshake", [link.cpu_s / bare.cpu_s for bare, link in pairs], None),
        Goal("KiB, bare handshake", [_kib(line) for line in lines["bare"]], None, form=".1f"),
        Goal("KiB, link", [_kib(line) for line in lines["link"]], 55, form=".1f"),
    ]


def _cpu_us(line: ConnectedLine) -> float:
    return _MICROSECONDS * line.cpu_s / line.connected


def _kib(line: ConnectedLine) -> float:
    return (line.rss_bytes - line.baseline_rss_bytes) / _KIB / line.connected


async def _rounds(rounds: int, count: int) -> dict[str, list[ConnectedLine]]:
    lines: dict[str, list[ConnectedLine]] = {kind: [] for kind in KINDS}
    for _ in range(rounds):
        for kind, of_kind in lines.items():
            of_kind.append(await measure_tls(kind, count))
    return lines


def main() -> None:
    """Run the rounds, interleaved, so that a disturbance hits both alike."""
    parser = argparse.ArgumentParser(prog="python -m bench.tls", description=__doc__)
    parser.add_argument("--connections", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    lines = uvloop.run(_rounds(arguments.rounds, arguments.connections))
    facts = machine_facts()
    where = f"mosquitto {facts['mosquitto']} on {facts['cores']}"
    print(f"{where}: {arguments.connections:,} connections")
    print(goals_table(tls_goals(lines), of="TLS"))


if __name__ == "__main__":
    main()
