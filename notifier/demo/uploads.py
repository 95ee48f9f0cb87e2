"""Uploads: validation, and the temporary file."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request, Response, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute

LARGEST = 1_000_000
FORM = 10_000
"""The most bytes of a form beside its file."""
NAME = re.compile(r"\w[\w .()-]{0,98}\.(csv|txt)", re.IGNORECASE)
TYPES = {"text/csv", "text/plain"}


class LimitedRoute(APIRoute):
    """A route that refuses a large body before FastAPI reads it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def limited(request: Request) -> Response:
            length = request.headers.get("content-length")
            if request.method == "POST" and (length is None or not length.isdecimal()):
                raise HTTPException(411, "say in Content-Length how large the upload is")
            if length is not None and int(length) > LARGEST + FORM:
                raise too_large()
            return await handle(request)

        return limited


async def kept(file: UploadFile) -> AsyncIterator[Path]:
    """The upload in a temporary file, which is removed after the request's background tasks, even if one fails."""
    check(file)
    path = await run_in_threadpool(copy, file)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


Upload = Annotated[Path, Depends(kept)]


def check(file: UploadFile) -> None:
    """Raise `HTTPException` if the file is not valid."""
    if not NAME.fullmatch(file.filename or ""):
        raise HTTPException(
            422,
            "the file's name must end in .csv or .txt and hold letters, digits, spaces and . - _ ( ) only",
        )
    if file.content_type not in TYPES:
        raise HTTPException(415, "the file's type must be text/csv or text/plain")
    if not file.size:
        raise HTTPException(422, "the file is empty")
    if file.size > LARGEST:
        raise too_large()


def too_large() -> HTTPException:
    return HTTPException(413, "a file may have up to a megabyte")


def copy(file: UploadFile) -> Path:
    with tempfile.NamedTemporaryFile(prefix="upload-", delete=False) as target:
        shutil.copyfileobj(file.file, target)
    return Path(target.name)
