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


@async_only_middleware
def json_errors(get_response: GetResponse) -> GetResponse:
    """Answer errors as JSON with a `detail`, unless the caller would rather have a page."""

    async def middleware(request: HttpRequest) -> HttpResponse:
        response = await get_response(request)
        is_error = response.status_code >= HTTPStatus.BAD_REQUEST
        if not is_error or response["Content-Type"].startswith(_JSON):
            return response
        if request.get_preferred_type([_JSON, "text/html"]) != _JSON:
            return response
        answer = JsonResponse({"detail": response.reason_phrase}, status=response.status_code)
        if "Allow" in response:
            answer["Allow"] = response["Allow"]
        return answer

    return middleware


class Files(WhiteNoiseMiddleware):  # type: ignore[misc] # it has no types
    """Serves static files."""

    def find_file(self, url: str) -> object:
        """Find a file; a name that leads out of its folder, as `con` on Windows, has none."""
        with suppress(SuspiciousFileOperation):
            return super().find_file(url)
        return None
