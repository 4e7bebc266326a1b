"""Answers that are no pages: files that come with them, ways elsewhere, a line of text."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from fleet_wire.web.exchange import HttpResponse

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_FOLDER: Final = Path(__file__).parent / "static"
_STATIC: Final = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def safe(url: str) -> str:
    """Return an address of this console; the start page for any other."""
    is_ours = url.startswith("/") and not url.startswith("//") and "\\" not in url
    return url if is_ours and url.isprintable() else "/"


def redirect(url: str, *cookies: str) -> HttpResponse:
    """Return that the page is elsewhere, with values of `Set-Cookie`."""
    return HttpResponse(303, b"", headers={**HEADERS, "Location": url}, cookies=cookies)


def plain(status: int, text: str, **headers: str) -> HttpResponse:
    """Return a line of text."""
    return HttpResponse(status, f"{text}\n".encode(), headers=HEADERS | headers)


@cache
def _static_file(name: str) -> tuple[bytes, str]:
    content = (_FOLDER / name).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:12]


def static_url(name: str) -> str:
    """Return the address of a file that comes with the pages: another one for each content."""
    return f"/static/{_static_file(name)[1]}/{name}"


def static(rest: str) -> HttpResponse:
    """Return a file that comes with the pages."""
    name = rest.rpartition("/")[2]
    if name not in _STATIC:
        return plain(404, "404: not found")
    lasting = {"Cache-Control": "public, max-age=31536000, immutable"}
    return HttpResponse(200, _static_file(name)[0], _STATIC[name], HEADERS | lasting)
