"""Renders the templates of this package. No other module imports jinja2."""

from __future__ import annotations

import re

from jinja2 import Environment, PackageLoader, StrictUndefined

_JOINT = re.compile(r"(?<=[._/=])(?=[^\s._/=])")
"""Positions besides spaces and hyphens at which a dotted key or a path may wrap."""

_ENVIRONMENT = Environment(
    loader=PackageLoader("fleet_sim.pages"),
    autoescape=True,  # ids, names and texts come from outside
    undefined=StrictUndefined,  # a misspelt name is an error, not an empty place on the page
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters["pieces"] = _JOINT.split


def render(template: str, **values: object) -> str:
    """Return the page that a file in `templates` makes of `values`."""
    return _ENVIRONMENT.get_template(template).render(values)
