"""Make the key of each car of `vehicles.txt` from the fleet's secret."""

import hmac

with open("fleet.secret", "rb") as file:
    secret = file.read().rstrip(b"\r\n")
with (
    open("vehicles.txt", encoding="utf-8") as cars,
    open("vehicle.keys", "w", encoding="utf-8") as keys,
):
    for car in cars.read().split():
        print(car, hmac.digest(secret, car.encode(), "sha256").hex(), file=keys)
