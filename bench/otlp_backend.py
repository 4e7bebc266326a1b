"""A backend that takes what comes, or never answers: `python -m bench.otlp_backend [--hang]`.

It decodes nothing, so that it takes little of the machine, and prints its port.
"""

from __future__ import annotations

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FOR_EVER_S = 3_600.0


class Handler(BaseHTTPRequestHandler):
    """Takes every request."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read it, and answer unless we hang."""
        self.rfile.read(int(self.headers["Content-Length"]))
        if "--hang" in sys.argv:
            time.sleep(FOR_EVER_S)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Be silent."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
