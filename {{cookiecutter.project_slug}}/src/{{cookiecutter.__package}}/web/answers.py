"""How HTTP answers the engine's errors."""

import math
from http import HTTPStatus

from ..rooms.errors import Kind, Refused, RoomsError

_STATUSES = {
    Kind.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    Kind.UNAUTHORIZED: HTTPStatus.UNAUTHORIZED,
    Kind.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Kind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Kind.CONFLICT: HTTPStatus.CONFLICT,
    Kind.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Kind.TOO_MANY: HTTPStatus.TOO_MANY_REQUESTS,
    Kind.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


def answer_to(error: RoomsError) -> tuple[dict[str, str], HTTPStatus, dict[str, str]]:
    """Return the body, the status and the headers that go with an error."""
    content, headers = {"detail": str(error)}, {}
    if isinstance(error, Refused) and error.reason is not None:
        content["reason"] = error.reason
    if error.kind is Kind.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    return content, _STATUSES[error.kind], headers
