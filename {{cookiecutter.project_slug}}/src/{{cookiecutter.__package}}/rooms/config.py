"""The service's settings: each an environment variable, or a line in a file `.env`."""

import ipaddress
import re
import secrets
import sys
from dataclasses import dataclass
from typing import Annotated, Literal, Self, TypeVar

import jwt
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from . import urls
from .names import ROOM_RULE, RoomName


@dataclass(frozen=True)
class Accepts:
    """What a setting takes, in words."""

    words: str


T = TypeVar("T")
ConfigT = TypeVar("ConfigT", bound="ServiceConfig")


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _utf8(text: str) -> str:
    # What is none raises a `ValueError`.
    text.encode()
    return text


_BEARABLE = r"^[!-~]*$"
_MOST = 2**31 - 1
_HOST = r"^(\*|\.?[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])$"

Switch = Annotated[bool, Accepts("true or false")]
FromZero = Annotated[
    int, Field(ge=0, le=_MOST), Accepts(f"a whole number of at least 0, at most {_MOST}")
]
FromOne = Annotated[
    int, Field(ge=1, le=_MOST), Accepts(f"a whole number of at least 1, at most {_MOST}")
]
Port = Annotated[int, Field(ge=0, le=65535), Accepts("0 to 65535; 0 is any free port")]
Seconds = Annotated[float, Field(ge=0, le=86_400), Accepts("a number of at least 0, at most 86400")]
# Values with commas between them.
Listed = Annotated[tuple[T, ...], NoDecode, BeforeValidator(_split)]
Rooms = Annotated[Listed[RoomName], Accepts(f"room names, comma-separated, each {ROOM_RULE}")]
Origins = Annotated[
    Listed[Annotated[str, AfterValidator(urls.origin)]],
    Accepts(
        "origins, comma-separated: https://www.example.org, https://*.example.org for one level "
        "of names, capacitor://localhost, null, or * for all; names with ß, ς or joiners as xn--…"
    ),
]
Networks = Annotated[
    Listed[Annotated[str, AfterValidator(urls.network)]],
    Accepts("addresses and networks, comma-separated, each like 10.0.0.7 or 10.0.0.0/8; or *"),
]
Hosts = Annotated[
    Listed[Annotated[str, Field(pattern=_HOST), AfterValidator(str.lower)]],
    Accepts("host names, comma-separated, .example.org with all below it, or *"),
]

Readers = Annotated[Literal["loopback", "anyone", "key"], Accepts("loopback, anyone or key")]
JwksUrl = Annotated[
    Annotated[str, AfterValidator(urls.http_url)] | None,
    Accepts("an https:// or http:// URL"),
]
Text = Annotated[str, AfterValidator(_utf8), Accepts("any text in UTF-8")]
Secret = Annotated[str, AfterValidator(_utf8), Accepts("32 or more random characters in UTF-8")]
RedisPrefix = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,64}$"), Accepts("1 to 64 of A-Z a-z 0-9 _ . : -")
]
RedisUrl = Annotated[
    Annotated[str, AfterValidator(urls.redis_url)] | None,
    Accepts(
        "redis://user:password@host:6379/0, rediss:// for TLS, unix:///path, or "
        "valkey:// or valkeys:// as well"
    ),
]

# RFC 7518 asks of HS256 for a key as long as its hash.
_SAFE_KEY_BYTES = 32
_PROVIDER = ("JWKS_URL", "JWT_ISSUER", "JWT_AUDIENCE")
# What comes before an @ or behind a ?; all but the scheme where it is unclear which is which; and
# what is no port, as a password without its @.
_SECRETS = re.compile(
    r"^([a-z+]+://)?(.*\?.*@.*|.*(?=@))"
    r"|^([A-Za-z+]+://(?::|[^/?:\[]+:(?![0-9]{1,5}(?:[/?]|\Z))))[^/?]+"
    r"|(?<=\?).+",
    re.DOTALL,
)


class ServiceConfig(BaseSettings):
    """What the service is set to."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    host: Annotated[str, Accepts("an address or a host name")] = Field(
        "127.0.0.1", description="where to listen"
    )
    port: Port = Field(8000, description="where to listen")
    workers: FromOne = Field(
        1, description="server processes of this start; more than 1 take `REDIS_URL`"
    )
    redis_url: RedisUrl = Field(
        None,
        description="where rooms, messages and members are kept, so that any number of processes "
        "serve the same rooms; unset: in this process's memory",
        repr=False,
    )
    redis_prefix: RedisPrefix = Field(
        __name__.partition(".")[0],
        description="what all keys and channels in Redis begin with; services that differ in it or "
        "in the number of their database share nothing",
    )
    debug: Switch = Field(
        default=True,
        description="`false` refuses unsafe defaults; `true` is for one developer's machine",
    )
    secret_key: Secret = Field(
        default_factory=lambda: secrets.token_urlsafe(48),
        description="signs tokens; without it, a random one per start; required with `DEBUG` off",
        repr=False,
    )
    api_key: Annotated[str | None, Accepts("ASCII letters, digits and signs, no blanks")] = Field(
        None,
        pattern=_BEARABLE,
        description="what trusted callers present to the HTTP API; unset: those calls answer 401",
        repr=False,
    )
    jwks_url: JwksUrl = Field(None, description="where an identity provider publishes its keys")
    jwt_issuer: Text = Field("", description="the `iss` that the provider's tokens must bear")
    jwt_audience: Text = Field("", description="the `aud` that the provider's tokens must bear")
    jwt_rooms_claim: Text = Field("rooms", description="the claim that lists rooms; `*` opens all")
    metrics: Readers = Field(
        "loopback",
        description="who reads `/metrics` without the API key: `loopback`, `anyone`, or nobody: "
        "`key`",
    )
    rooms: Rooms = Field(("lobby",), description="rooms that exist from the start")
    guests: Switch = Field(
        default_factory=lambda settings: bool(settings.get("debug")),
        description="whether an open room takes connections without a token, and whether anyone "
        "may ask for one; by default as `DEBUG`",
    )
    allowed_origins: Origins = Field(
        (),
        description="other origins than its own whose pages may connect, and make the HTTP calls",
    )
    allowed_hosts: Hosts = Field(
        ("*",), description="the `Host` headers under which the service answers, but for probes"
    )
    forwarded_allow_ips: Networks = Field(
        ("127.0.0.1", "::1"),
        description="proxies that may say whose request they pass on, and whether it came by TLS",
    )
    max_connections: FromOne = Field(10_000, description="connections per process")
    connections_per_address: FromZero = Field(
        0,
        description="connections per process from one IPv4 address or IPv6 network (/64); "
        "0: no limit, as an office, or a proxy outside `FORWARDED_ALLOW_IPS`, is one address",
    )
    room_capacity: FromOne = Field(
        1_000, description="members a room takes unless it says otherwise"
    )
    max_message_bytes: FromOne = Field(65_536, description="largest frame taken from a client")
    messages_per_second: FromZero = Field(
        20, description="per connection, with a burst of as many; 0: no limit"
    )
    outbox_bytes: FromOne = Field(1_048_576, description="most that may wait for one slow reader")
    history: FromZero = Field(
        1_000, description="messages that a room's log keeps for those who come back"
    )
    drain_seconds: Seconds = Field(
        10, description="longest that a stop may take to tell every client"
    )

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.workers > 1 and self.redis_url is None:
            raise ValueError(
                f"WORKERS: got {self.workers}; more than 1 take a REDIS_URL, as rooms would be "
                "split between the processes"
            )
        missing = [name for name in _PROVIDER if not getattr(self, name.lower())]
        if 0 < len(missing) < len(_PROVIDER):
            together = " and ".join(_PROVIDER)
            raise ValueError(f"{', '.join(missing)}: got nothing; {together} are set together")
        if not self.debug:
            self._check_length()
        self._check_kind()
        return self

    def _check_length(self) -> None:
        if "secret_key" not in self.model_fields_set:
            raise ValueError("SECRET_KEY: got nothing; with DEBUG off it takes a key of your own")
        size = len(self.secret_key.encode())
        if size < _SAFE_KEY_BYTES:
            raise ValueError(
                f"SECRET_KEY: got {size} bytes; with DEBUG off it takes at least {_SAFE_KEY_BYTES}"
            )

    def _check_kind(self) -> None:
        try:
            jwt.get_algorithm_by_name("HS256").prepare_key(self.secret_key)
        except jwt.InvalidKeyError:
            # From None: its words may tell of the key.
            raise ValueError(
                "SECRET_KEY: got a public key or a certificate; it takes random characters"
            ) from None

    def warnings(self) -> list[str]:
        """Say what suits one developer's machine only."""
        found = []
        if "secret_key" not in self.model_fields_set:
            found.append("SECRET_KEY is not set: tokens are good for this start only")
        elif len(self.secret_key.encode()) < _SAFE_KEY_BYTES:
            found.append(f"SECRET_KEY has fewer than {_SAFE_KEY_BYTES} bytes: it can be guessed")
        if self.api_key is None and self.jwks_url is None and not self.guests:
            found.append("API_KEY is not set and GUESTS is off: nobody can get a token here")
        if "*" in self.allowed_origins and not self.debug:
            found.append("ALLOWED_ORIGINS is *: pages of every origin may connect")
        if "*" in self.forwarded_allow_ips and not is_loopback(self.host):
            found.append("FORWARDED_ALLOW_IPS is *: clients that reach HOST can forge addresses")
        if self.debug and not is_loopback(self.host):
            found.append(f"DEBUG is on and HOST is {self.host}: others can reach a debug service")
        return found


def load_config(kind: type[ConfigT]) -> ConfigT:
    """Read the settings from the environment; if they are wrong, say how and end the process."""
    try:
        return kind()
    except UnicodeDecodeError as error:
        sys.exit(f".env: {error}; it takes UTF-8")
    except ValidationError as error:
        # What follows from a wrong setting is not told beside it.
        found = [one for one in error.errors() if one["type"] != "default_factory_not_called"]
        sys.exit("\n".join(_worded(kind, one) for one in found))


def _worded(kind: type[ServiceConfig], error: ErrorDetails) -> str:
    if not error["loc"]:
        return _words(error)
    name = str(error["loc"][0])
    field = kind.model_fields[name]
    words = (f"it takes {one.words}" for one in field.metadata if isinstance(one, Accepts))
    is_secret = not field.repr and not name.endswith("_url")
    got = "…" if is_secret else _SECRETS.sub(r"\1\3…", str(error["input"]))
    return f"{name.upper()}: got {got!r}; {next(words, _words(error))}"


def _words(error: ErrorDetails) -> str:
    return error["msg"].removeprefix("Value error, ")


def is_loopback(host: str) -> bool:
    """Whether only this machine is at an address, or at a host name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
