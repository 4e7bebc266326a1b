"""Which unlocks count: a customer who presses again, and a sick car, count once in a while.

Tests take events to be independent. The car that failed at 08:12 fails at 08:13, when its customer
presses again, and at 09:00, when the next one comes.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from fleet_wire.contract.attempt import Attempt, Source
from platform_probe.diagnosis.remembering import remember

RETRY_S: Final = 600.0
"""What one customer does with one car within so long counts once [E]."""
AGAIN_S: Final = 90.0
"""Who presses again so soon after a car has opened stands before a closed one [E]."""
SICK_S: Final = 6 * 3600.0
"""A car that failed counts as failed once in so long [E]: a sick car is no problem of its cohort,
and one that sees several customers fail in a morning would make it look like one."""
MOST: Final = 100_000


class Repeats:
    """Remembers who has counted last. Bounded."""

    def __init__(self) -> None:
        self._again_cars: OrderedDict[str, float] = OrderedDict()
        self._ended: OrderedDict[tuple[str, str], float] = OrderedDict()
        """When a car had opened for a customer."""
        self._failed_cars: OrderedDict[str, float] = OrderedDict()
        self._failed_customers: OrderedDict[str, float] = OrderedDict()
        self._opened: OrderedDict[tuple[str, str], float] = OrderedDict()

    def counts(self, attempt: Attempt, began_s: float, *, is_hit: bool) -> bool:
        """Return whether an unlock counts, and remember it."""
        car, customer = attempt.vehicle_id, customer_of(attempt)
        if is_hit:
            return self._failure_counts(car, customer, began_s)
        if customer is None:
            return True
        failed_s = self._failed_customers.get(customer)
        together = car, customer
        opened_s = self._opened.get(together)
        self._opened[together] = began_s
        self._ended[together] = began_s + attempt.total_s
        if len(self._ended) > MOST:
            self._ended.popitem(last=False)
        if len(self._opened) > MOST:
            self._opened.popitem(last=False)
        is_again = failed_s is not None and began_s - failed_s < RETRY_S
        return not is_again and (opened_s is None or began_s - opened_s >= RETRY_S)

    def pressed_again(self, attempt: Attempt, began_s: float) -> bool:
        """Return whether a customer presses again soon after a car has opened, as far as was known.

        To be asked before `counts` takes the unlock. A car counts once in a while.
        """
        car, customer = attempt.vehicle_id, customer_of(attempt)
        ended_s = None if customer is None else self._ended.get((car, customer))
        if ended_s is None or not 0.0 < began_s - ended_s < AGAIN_S:
            return False
        before_s = self._again_cars.get(car)
        if before_s is not None and began_s - before_s < SICK_S:
            return False
        remember(self._again_cars, car, began_s, MOST)
        return True

    def _failure_counts(self, car: str, customer: str | None, began_s: float) -> bool:
        failed_s = self._failed_cars.get(car) if car else None
        is_new = failed_s is None or began_s - failed_s >= SICK_S
        if customer is not None:
            last_s = self._failed_customers.get(customer)
            is_new = is_new and (last_s is None or began_s - last_s >= RETRY_S)
            remember(self._failed_customers, customer, began_s, MOST)
        if is_new and car:
            remember(self._failed_cars, car, began_s, MOST)
        return is_new


def customer_of(attempt: Attempt) -> str | None:
    """Return who asked, as far as that is known; None for unlocks of the monitor's own."""
    if attempt.source is not Source.CUSTOMER:
        return None
    account = attempt.platform.account_id if attempt.platform else None
    return account or attempt.booking_id
