# ruff: noqa: INP001, T201 - a script that a container mounts; it is there to print
"""Print where the demo's pages are, and how to start another fault."""

from __future__ import annotations

import os
from pathlib import Path

TOKEN = Path("/data/console/demo.token")


def main() -> None:
    """Print the addresses, with the ports that docker-compose.yml publishes."""
    token = TOKEN.read_text(encoding="ascii").strip()
    print(
        f"""
  Console     http://localhost:{os.environ["CONSOLE_PORT"]}   token: {token}
  Dashboards  http://localhost:{os.environ["GRAFANA_PORT"]}
  Slack       http://localhost:{os.environ["SLACK_PORT"]}   (a stand-in)
  Prometheus  http://localhost:{os.environ["PROMETHEUS_PORT"]}
  Alerts      http://localhost:{os.environ["ALERTMANAGER_PORT"]}

  Customers are renting cars now. Three minutes after the start operator-b fails in the north.
  Another fault:
    docker compose exec boxes fleet-sim inject no_coverage_garage --for 5m --target region=airport
  All faults:
    docker compose exec boxes fleet-sim faults
""",
        flush=True,
    )


if __name__ == "__main__":
    main()
