"""What says who may make an HTTP call, for the `auth` of ninja's operations."""

from django.http import HttpRequest
from ninja.security import APIKeyHeader

from . import access
from .manager import manager_of


class RequireKey(APIKeyHeader):
    """Lets only a caller with the API key pass."""

    param_name = "Authorization"

    def authenticate(self, request: HttpRequest, key: str | None) -> bool:
        """Whether the caller may go on."""
        access.require_key(key, manager_of(request).config)
        return True


class GuestOrKey(APIKeyHeader):
    """Lets guests pass too where they are allowed; `request.auth` says who is trusted."""

    param_name = "Authorization"

    def authenticate(self, request: HttpRequest, key: str | None) -> str:
        """Who the caller is."""
        trusted = access.guest_or_key(key, manager_of(request).config)
        return "trusted" if trusted else "guest"
