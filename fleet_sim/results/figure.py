"""A figure for plotly.js: plain dicts in its form, which the browser draws.

https://plotly.com/javascript/reference/ has every key. The build that reads them is in
`fleet_sim/pages/plotly`.
"""

from __future__ import annotations

from typing import Any, Final, Self

import msgspec

FONT: Final = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif'
MIDDLE_GREY: Final = "#7d8994"
TOP: Final = 34


class Figure:
    """Traces over a layout, `height` pixels high with a margin of `top` pixels above the plot."""

    def __init__(self, height: int, *, top: int = TOP, **layout: Any) -> None:
        self.traces: list[dict[str, Any]] = []
        self.layout: dict[str, Any] = {
            "height": height,
            "font": {"family": FONT, "size": 13, "color": MIDDLE_GREY},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "hoverlabel": {"font": {"family": FONT, "color": "#ffffff"}},
            "margin": {"l": 62, "r": 16, "t": top, "b": 44},
            "legend": {
                "orientation": "h", "yref": "container", "y": 1, "yanchor": "top", "x": 0,
                "traceorder": "normal", "itemsizing": "constant",
            },
            **layout,
        }  # fmt: skip

    @property
    def height(self) -> int:
        """The height in pixels."""
        return int(self.layout["height"])

    def add(self, kind: str, **trace: Any) -> Self:
        """Add a trace of a kind, such as `scatter`, and return the figure."""
        self.traces.append({"type": kind, **trace})
        return self

    def add_shape(self, **shape: Any) -> None:
        """Add a shape behind or above the traces."""
        self.layout.setdefault("shapes", []).append(shape)

    def add_annotation(self, **annotation: Any) -> None:
        """Add a text."""
        self.layout.setdefault("annotations", []).append(annotation)

    def to_json(self) -> str:
        """Return the figure as `Plotly.newPlot` takes it; a number that is not finite is null."""
        return msgspec.json.encode({"data": self.traces, "layout": self.layout}).decode()


def axis(title: str, **more: Any) -> dict[str, Any]:
    """Return the layout of an axis."""
    return {
        "title": {"text": title, "standoff": 8, "font": {"size": 13}},
        "zeroline": False,
        "automargin": True,
        **more,
    }
