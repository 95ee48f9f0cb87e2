"""`POST /v1/doctor`: problems of the service, with remedies."""

from __future__ import annotations

from fastapi import APIRouter

from notifier.api.dependencies import AdminCaller, Running
from notifier.api.models.responses_operation import DoctorAnswer
from notifier.api.openapi import problems

router = APIRouter(tags=["operation"])


@router.post("/v1/doctor", responses=problems(401, 403, 503))
async def examine(_: AdminCaller, service: Running) -> DoctorAnswer:
    """Check the database, the configuration, the keys and each channel, as far as possible without sending."""
    return DoctorAnswer.of(await service.examine(), service.settings.server.url)
