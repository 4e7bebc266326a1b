"""Unlock a simulated car, and print what its box answers."""

import hmac
import json
import sys
import time

import paho.mqtt.client as mqtt

host, port, car = sys.argv[1], int(sys.argv[2]), sys.argv[3]
now_ms = time.time_ns() // 1_000_000
command = {
    "command_id": f"demo-{now_ms}",
    "action": "unlock",
    "issued_at": now_ms,
    "expires_at": now_ms + 20_000,
    "counter": now_ms,
}
key = hmac.digest(b"unlockpath-demo-secret", car.encode(), "sha256")
signed = "|".join(str(command[name]) for name in ("command_id", "action", "expires_at", "counter"))
command["signature"] = hmac.digest(key, signed.encode(), "sha256").hex()


def show(client, _, message):
    answer = json.loads(message.payload)
    if answer["command_id"] == command["command_id"]:
        print(answer["phase"], answer.get("reason", ""))
        if answer["phase"] != "received":
            client.disconnect()


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
client.on_connect = lambda *_: client.subscribe(f"cars/{car}/result", qos=1)
client.on_subscribe = lambda *_: client.publish(f"cars/{car}/command", json.dumps(command), qos=1)
client.on_message = show
client.connect(host, port)
while client.loop(timeout=1) == mqtt.MQTT_ERR_SUCCESS:
    if time.time_ns() // 1_000_000 > command["expires_at"]:
        sys.exit(f"{car} has not answered: is there such a car, and is it awake?")
