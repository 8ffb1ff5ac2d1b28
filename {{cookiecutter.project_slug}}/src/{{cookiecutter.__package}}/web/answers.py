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


def status_of(error: RoomsError) -> HTTPStatus:
    """Return the status that goes with an error."""
    return _STATUSES[error.kind]


def content_of(error: RoomsError) -> dict[str, str]:
    """Return the body that goes with an error."""
    content = {"detail": str(error)}
    if isinstance(error, Refused) and error.reason is not None:
        content["reason"] = error.reason
    return content


def headers_of(error: RoomsError) -> dict[str, str]:
    """Return the headers that go with an error."""
    headers = {}
    if error.kind is Kind.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    return headers
