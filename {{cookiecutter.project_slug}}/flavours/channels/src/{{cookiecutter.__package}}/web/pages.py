"""What a browser is shown. There is nothing to forge: other methods than reading are refused."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from . import page
from .manager import manager_of


@csrf_exempt
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The page on which people talk."""
    debug = manager_of(request).config.debug
    return HttpResponse(page.rooms_page(debug=debug), headers=page.HEADERS)


@csrf_exempt
@require_safe
def protocol(_: HttpRequest) -> HttpResponse:
    """The page that shows the protocol."""
    return HttpResponse(page.protocol_page(), headers=page.HEADERS)


@csrf_exempt
@require_safe
def asyncapi(request: HttpRequest) -> JsonResponse:
    """The description of the protocol."""
    return JsonResponse(page.protocol(manager_of(request).service))
