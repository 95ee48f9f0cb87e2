"""`POST /v1/doctor`: problems of the service, with remedies."""

from __future__ import annotations

from fastapi import APIRouter

from notifier.api.dependencies import AdminCaller, Running
from notifier.api.models.responses_operation import DoctorAnswer
from notifier.api.openapi import problems

router = APIRouter(tags=["operation"])


@router.post("/v1/doctor", responses=problems(401, 403, 503))
async def examine(_: AdminCaller, service: Running) -> DoctorAnswer:
    """Look at the database, the configuration, keys and each channel: as far as its receiver goes without sending."""
    return DoctorAnswer.of(await service.examine(), service.settings.server.url)
