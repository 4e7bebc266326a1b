"""What is said of slips in a scenario, in the text file of this folder."""

from __future__ import annotations

import re
import shutil
import weakref
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import jsonschema
import pytest

from fleet_sim.scenario.loading import load_scenario, scenario_schema
from fleet_wire.config.file import apply_overrides, load_document
from fleet_wire.errors import ConfigError
from tests.helpers.transcripts import Teller, stories_test
from tests.helpers.two_groups import write_two_groups


@cache
def validator() -> jsonschema.Draft202012Validator:
    """Return what an editor checks with: the schema that is printed."""
    schema = scenario_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@dataclass
class SlipPlayer(Teller):
    """Somebody who changes a scenario of two groups, `two_groups.py`.

    `check "--set KEY=VALUE"` tells what loading it says, with `[schema]` where an editor that has
    the schema marks it too.
    """

    home: Path = field(default_factory=lambda: Path(mkdtemp(prefix="slips-")))
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Write the scenario, and remove it with the player."""
        weakref.finalize(self, shutil.rmtree, self.home)
        self.path = write_two_groups(self.home)

    def _do_check(self, option: str) -> None:
        override = option.removeprefix("--set ")
        with pytest.raises(ConfigError) as caught:
            load_scenario(self.path, [override])
        changed = apply_overrides(load_document(self.path), [override]).values
        seen = "" if validator().is_valid(changed) else " [schema]"
        for problem in caught.value.problems:
            said = re.sub(r"^--set .*?: (?=[a-z_0-9.]+: [^\[{])", "", problem)
            said = said.replace(f"{self.home}/", "")
            self.told.append(f"{said}{seen}")


test_stories = stories_test(__file__, SlipPlayer)
