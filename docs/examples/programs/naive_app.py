"""An app that believes 202: it shows "open" as soon as the platform has taken the request."""

import json
import os
import sys
import threading
import urllib.error
import urllib.request

API = os.environ["UNLOCKPATH_API"]


def show(**line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def press(ask):
    request = urllib.request.Request(
        f"{API}/vehicles/{ask['vehicle_id']}/{ask['do']}",
        data=json.dumps({"booking_id": ask["booking_id"]}).encode(),
        headers={"Authorization": f"Bearer {ask['token']}", "Content-Type": "application/json"},
    )
    try:
        urllib.request.urlopen(request, timeout=20).close()
        show(request=ask["request"], shown="open" if ask["do"] == "unlock" else "locked")
    except urllib.error.URLError:
        show(request=ask["request"], shown="failed")


show(ready="api")
for line in sys.stdin:
    if (ask := json.loads(line))["do"] != "look":
        threading.Thread(target=press, args=(ask,), daemon=True).start()
