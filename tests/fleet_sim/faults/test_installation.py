"""Faults of how a box is built into its car, in virtual time."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from fleet_sim.cars.distributions import Uniform
from fleet_sim.faults.installation import LooseWiring


def test_a_contact_that_is_neither_good_nor_bad_for_any_time_is_refused() -> None:
    """It would change again and again at one moment."""
    with pytest.raises(ValidationError, match="good and bad are both 0 s"):
        LooseWiring.model_validate({"good": 0, "bad": 0})
    assert LooseWiring.model_validate({"good": 0, "bad": 1}).good == Uniform(base_s=0.0)
