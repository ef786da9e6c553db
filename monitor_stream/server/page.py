"""The live page: files of ours, nothing from elsewhere."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from litestar import Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

MEDIA_TYPES: Final = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}

_FILES: Final = {
    file.name: file.read_bytes()
    for file in (files("monitor_stream.server") / "live").iterdir()
    if file.name.rpartition(".")[2] in MEDIA_TYPES
}


@get("/", include_in_schema=False)
async def get_page() -> Response[bytes]:
    """The page."""
    return _answer("index.html")


@get("/live/{name:str}", include_in_schema=False)
async def get_file(name: FromPath[str]) -> Response[bytes]:
    """A file of the page."""
    if name not in _FILES:
        raise NotFoundException(f"The live page has no file {name!r}.")
    return _answer(name)


def _answer(name: str) -> Response[bytes]:
    return Response(_FILES[name], media_type=MEDIA_TYPES[name.rpartition(".")[2]])


page = Router("/", route_handlers=[get_page, get_file])
