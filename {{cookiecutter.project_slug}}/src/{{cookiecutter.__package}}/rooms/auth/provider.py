"""Identifies clients by the tokens of an identity provider, with the keys that it publishes."""

import asyncio
import math
import time
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any
from urllib.request import HTTPRedirectHandler, OpenerDirector, build_opener

import jwt

from ..clock import Clock, SystemClock
from ..config import ServiceConfig
from ..errors import UnavailableError
from .handshake import Handshake
from .identities import Authenticator, Identity
from .tokens import UNREADABLE, identity_of, invalid

Fetch = Callable[[str, float], bytes]

# Each key has one of them; a token has no say in it.
_ALGORITHMS = ("RS256", "ES256", "EdDSA")
# Times are checked by the manager's clock, as those of the service's own tokens.
_OPTIONS: Any = {
    "require": ["sub", "exp"],
    **{f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "sub", "jti")},
}

_KEPT_SECONDS = 3600.0
# Until the next fetch: for a key that the provider did not have, and while there is no key at all.
_UNKNOWN_KEY_SECONDS = 30.0
_NO_KEY_SECONDS = 1.0

_MOST_BYTES = 262_144


class KeysError(Exception):
    """The provider's keys can't be fetched."""


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Refuse: the settings name the one place that is trusted."""


@cache
def _opener() -> OpenerDirector:
    # Made when it is needed: it reads the system's certificates.
    opener = build_opener(_NoRedirects)
    # Some providers refuse the name of Python's own client.
    opener.addheaders = [("User-Agent", __name__.partition(".")[0])]
    return opener


def fetch(url: str, seconds: float) -> bytes:
    """Fetch what is at an address, within limits of time and size. Call it in a thread."""
    deadline = time.monotonic() + seconds
    body = b""
    with _opener().open(url, timeout=seconds) as answer:
        while part := answer.read1(_MOST_BYTES):
            body += part
            if len(body) > _MOST_BYTES:
                raise KeysError(f"more than {_MOST_BYTES} bytes")
            if time.monotonic() > deadline:
                raise TimeoutError
    return body


class ProviderKeys:
    """The keys that a provider publishes, as a JSON Web Key Set (RFC 7517)."""

    # Longest that a fetch may take.
    seconds = 5.0

    def __init__(self, url: str, clock: Clock, fetch: Fetch = fetch) -> None:
        self._url = url
        self._clock = clock
        self._fetch = fetch
        self._keys: Mapping[str | None, jwt.PyJWK] = {}
        self._good_until = -math.inf
        self._next_fetch = -math.inf
        self._failure: KeysError | None = None
        self._fetching = asyncio.Lock()

    async def find(self, kid: str | None) -> jwt.PyJWK | None:
        """Find a key by its id; return None if the provider has no such key.

        Raises:
            UnavailableError: the key is not at hand, and the provider can't be asked.
        """
        if not self._has(kid):
            async with self._fetching:
                # Those who waited find what another has fetched.
                if not self._has(kid) and self._clock.monotonic() >= self._next_fetch:
                    await self._renew()
        if self._has(kid):
            return self._keys[kid]
        if self._failure or self._stale:
            raise UnavailableError from self._failure
        return None

    @property
    def _stale(self) -> bool:
        return self._clock.monotonic() >= self._good_until

    def _has(self, kid: str | None) -> bool:
        return kid in self._keys and not self._stale

    async def _renew(self) -> None:
        now = self._clock.monotonic()
        self._next_fetch = now + (_NO_KEY_SECONDS if self._stale else _UNKNOWN_KEY_SECONDS)
        try:
            async with asyncio.timeout(self.seconds):
                body = await asyncio.to_thread(self._fetch, self._url, self.seconds)
            self._keys = _read_keys(body)
        except Exception as error:  # noqa: BLE001 (whatever a provider may answer)
            self._failure = KeysError(f"JWKS_URL: {error!r}")
        else:
            self._good_until = now + _KEPT_SECONDS
            self._failure = None


class _EveryRoom(frozenset[str]):
    def __contains__(self, _: object) -> bool:
        return True


class Provider(Authenticator):
    """Identifies clients by the tokens that an identity provider signed for this service.

    It stands before the service's own tokens, which refuse whatever they did not sign.
    """

    def __init__(self, config: ServiceConfig, keys: ProviderKeys, clock: Clock) -> None:
        self._config = config
        self._keys = keys
        self._clock = clock

    async def authenticate(self, handshake: Handshake, room: str) -> Identity | None:
        """Identify a client by a token of the provider; leave others to the next authenticator."""
        token = handshake.token
        if token is None or _header(token).get("alg") not in _ALGORITHMS:
            return None
        return await self.refresh(token, room)

    async def refresh(self, token: str, room: str) -> Identity:
        """Identify a client by a token of the provider.

        Raises:
            CloseConnection: with TOKEN_INVALID.
            UnavailableError: the provider's keys can't be fetched now.
        """
        header = _header(token)
        if header.get("alg") not in _ALGORITHMS:
            raise invalid("the provider signs with RS256, ES256 or EdDSA")
        key = await self._keys.find(header.get("kid"))
        if key is None:
            raise invalid("the provider has no key of its `kid`")
        claims = self._decode(token, key)
        return identity_of(claims, self._rooms_of(claims), self._clock.time())

    def _decode(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        config = self._config
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                issuer=config.jwt_issuer,
                audience=config.jwt_audience,
                options=_OPTIONS,
            )
        except UNREADABLE as error:
            raise invalid(type(error).__name__) from error

    def _rooms_of(self, claims: Mapping[str, Any]) -> Collection[str]:
        rooms = claims.get(self._config.jwt_rooms_claim)
        if not isinstance(rooms, list):
            return ()
        return _EveryRoom() if "*" in rooms else tuple(rooms)


def providers(config: ServiceConfig, clock: Clock | None = None) -> list[Authenticator]:
    """Make the authenticator for the identity provider of the settings, if there is one."""
    if config.jwks_url is None:
        return []
    clock = clock or SystemClock()
    return [Provider(config, ProviderKeys(config.jwks_url, clock), clock)]


def _header(token: str) -> dict[str, Any]:
    """Read what a token says of itself, which nobody has checked; empty if it can't be read."""
    try:
        return jwt.get_unverified_header(token)
    except UNREADABLE:
        return {}


def _read_keys(body: bytes) -> dict[str | None, jwt.PyJWK]:
    """Read those keys of a set that sign tokens with an algorithm of ours."""
    return {
        key.key_id: key
        for key in jwt.PyJWKSet.from_json(body.decode())
        if key.algorithm_name in _ALGORITHMS and key.public_key_use in {"sig", None}
    }
