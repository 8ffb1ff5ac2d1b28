"""What a browser is shown."""

from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

_STATIC = Path(__file__).parent / "static"


@csrf_exempt  # nothing to forge: other methods than reading are refused
@require_safe
def index(_: HttpRequest) -> HttpResponse:
    """The page."""
    return HttpResponse((_STATIC / "index.html").read_bytes())
