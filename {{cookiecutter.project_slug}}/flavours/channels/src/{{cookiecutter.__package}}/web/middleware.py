"""What is done to every HTTP request."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus

from django.core.exceptions import SuspiciousFileOperation
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import async_only_middleware
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]

GetResponse = Callable[[HttpRequest], Awaitable[HttpResponse]]
_JSON = "application/json"
_PAGE = "text/html"
_OF_THE_BODY = {"Content-Type", "Content-Length", "Content-Encoding"}


@async_only_middleware
def json_errors(get_response: GetResponse) -> GetResponse:
    """Answer errors as JSON with a `detail`, unless the caller prefers a page."""

    async def middleware(request: HttpRequest) -> HttpResponse:
        response = await get_response(request)
        status = response.status_code
        # Some of WhiteNoise's have no type.
        kind = response.get("Content-Type", "").partition(";")[0]
        if status < HTTPStatus.BAD_REQUEST or kind == _JSON:
            return response
        if kind == _PAGE and request.get_preferred_type([_JSON, _PAGE]) == _PAGE:
            return response
        kept = {name: value for name, value in response.items() if name not in _OF_THE_BODY}
        answer = JsonResponse({"detail": response.reason_phrase}, status=status, headers=kept)
        answer.cookies = response.cookies
        return answer

    return middleware


class Files(WhiteNoiseMiddleware):  # type: ignore[misc] # it has no types
    """Serves static files."""

    def find_file(self, url: str) -> object:
        """Find a file; a name that leads out of its folder, as `con` on Windows, has none."""
        with suppress(SuspiciousFileOperation):
            return super().find_file(url)
        return None
