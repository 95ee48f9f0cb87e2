"""A dashboard of an application's tasks, from the service's statistics."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from fastapi import Request, Response
from fastapi.responses import JSONResponse
from fastapi.templating import Jinja2Templates

SINCE = "24h"

templates = Jinja2Templates(directory=Path(__file__).with_name("templates"))


class StatisticsUnavailable(Exception):
    """The statistics cannot be read. The text says why."""


async def show(request: Request, *, url: str | None, key: str | None) -> Response:
    """The dashboard as HTML, or as JSON if the client prefers it; 503 if the service does not answer."""
    numbers: Mapping[str, Any] = {"since": SINCE, "tasks": [], "errors": []}
    problem, status = None, 200
    try:
        numbers = await statistics(url, key)
    except StatisticsUnavailable as error:
        problem, status = str(error), 503
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"detail": problem} if problem else numbers, status)
    context = {**numbers, "problem": problem}
    return templates.TemplateResponse(request, "dashboard.html", context, status_code=status)


async def statistics(url: str | None, key: str | None) -> dict[str, Any]:
    """Tasks and errors of `GET /v1/stats`. The key needs the scope `read`."""
    if url is None or key is None:
        raise StatisticsUnavailable(
            "NOTIFIER_URL and NOTIFIER_KEY are not set, so nothing is reported and nothing is known."
        )
    try:
        async with httpx.AsyncClient(timeout=5) as http:
            answer = await http.get(
                f"{url}/v1/stats", params={"since": SINCE}, headers={"Authorization": f"Bearer {key}"}
            )
    except httpx.HTTPError as error:
        raise StatisticsUnavailable(
            "The notifier service cannot be reached; its numbers will be back when it is."
        ) from error
    if answer.status_code != 200:
        raise StatisticsUnavailable(
            f"The notifier service has no numbers just now: it answered {answer.status_code}."
        )
    numbers = answer.json()
    # Events without a type are messages, such as "a long report is ready".
    errors = [error for error in numbers["errors"] if error["type"] is not None]
    return {"since": numbers["since"], "tasks": numbers["tasks"], "errors": errors}
