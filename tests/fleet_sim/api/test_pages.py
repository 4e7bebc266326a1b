"""What the API serves besides its operations."""

from __future__ import annotations

import msgspec
import pytest

from fleet_wire.contract.problems import PROBLEMS
from tests.helpers.fake_platform import FakePlatform, served_api


async def test_every_problem_has_a_page_at_its_address() -> None:
    """Its type leads to what it means, and to what the customer can be told."""
    async with served_api(FakePlatform()) as api:
        index = await api.send("GET", "/", token=None)
        for problem in PROBLEMS.values():
            page = await api.send("GET", problem.uri, token=None)
            assert (page.status, page.content_type) == (200, "text/html")
            assert problem.title in page.body.decode()
            assert f'href="{problem.uri[1:]}"'.encode() in index.body
        assert (await api.send("GET", "/problems/none", token=None)).status == 404


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/openapi.json", "application/json"),
        ("/healthz", "text/plain"),
        ("/readyz", "text/plain"),
        ("/metrics", "text/plain"),
        ("/", "text/html"),
    ],
)
async def test_pages(path: str, content_type: str) -> None:
    """They need no token, and can be asked for their head alone."""
    async with served_api(FakePlatform()) as api:
        page = await api.send("GET", path, token=None)
        assert (page.status, page.content_type) == (200, content_type)
        assert page.body
        if content_type == "application/json":
            assert msgspec.json.decode(page.body)["openapi"] == "3.1.0"
        head = await api.send("HEAD", path, token=None)
        assert (head.status, head.body) == (200, b"")
