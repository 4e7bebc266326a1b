"""Renders the console's templates. No other module of the monitor imports jinja2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

_ENVIRONMENT = Environment(
    loader=PackageLoader("platform_probe.web.console"),
    autoescape=True,  # ids, names and texts come from outside
    undefined=StrictUndefined,  # a misspelt name is an error, not an empty place on the page
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, **values: Any) -> str:
    """Return the page that a file in `templates` makes of `values`."""
    return _ENVIRONMENT.get_template(template).render(values)


def give(**functions: Callable[..., Any]) -> None:
    """Make functions callable in all templates."""
    _ENVIRONMENT.globals.update(functions)
