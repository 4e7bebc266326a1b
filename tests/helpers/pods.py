"""Containers without a container engine: what a pod's process finds around it, by namespaces.

A root directory that cannot be written to, but for its volumes; a user id of which no file knows,
in group 0, as OpenShift gives it; the pod's host name; the variables that the kubelet gives.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.helpers.stack import ended_afterwards

STOP_S = 60.0
USER_ID = 1_000_680_000
"""Of the range that OpenShift gives a namespace."""
_INSIDE = """\
set -e
hostname "$1"; data=$2; shift 2
mount --bind "$data" "$data"
mount -o remount,bind,ro /
cd "$data"
exec unshare --user --map-user=$USER_ID --map-group=0 -- env -u USER_ID "$@"
"""


@contextmanager
def running_pod(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    name: str,
    directory: Path,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a container's command as in a pod; its log is NAME.log, its volume NAME, in `directory`.

    The user id stands in a namespace of its own, so the files stay those of who runs this.
    """
    data = directory / name
    data.mkdir(exist_ok=True)
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin:/usr/sbin:/sbin"
    with (directory / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "--mount", "--uts", "--",
             "sh", "-c", _INSIDE, "sh", name, data, *command],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            env={"PATH": path, "PYTHONUNBUFFERED": "1", "HOSTNAME": name, "HOME": "/",
                 "USER_ID": str(USER_ID), **environment},
        )  # fmt: skip
        with ended_afterwards(process, within_s=STOP_S):
            yield process
