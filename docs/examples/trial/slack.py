"""Stands for Slack: takes what is posted and edited, and prints the line that notifies."""

import itertools
import json
import re
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

numbers = itertools.count(1)


class Slack(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        method = self.path.rpartition("/")[2]
        answer = {"ok": True, "url": "http://trial/", "user": "unlockpath", "messages": []}
        if method.startswith("chat."):
            said = json.loads(body)
            answer |= {"channel": said["channel"], "ts": said.get("ts") or f"1.{next(numbers):06}"}
            what = {"chat.update": "edit"}.get(method, "reply" if "thread_ts" in said else "post")
            what += " to the channel" if said.get("reply_broadcast") else ""
            who = re.findall(r'acknowledged by [^\\"]+', body.decode())
            print(time.strftime("%H:%M:%S"), what, said["text"], *who[:1], flush=True)
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-OAuth-Scopes", "chat:write,channels:history,groups:history")
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", 8099), Slack).serve_forever()  # one at a time: lines stay whole
