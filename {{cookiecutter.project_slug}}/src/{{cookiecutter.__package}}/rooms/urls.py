"""Origins, networks and URLs in settings, as browsers and clients read them.

Each raises `ValueError` for what would be read otherwise, or never match.
"""

import ipaddress
import re
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool
from redis.exceptions import RedisError

_PORTS = {"http": 80, "https": 443}
_ANY_LABEL = "://*."
# Python's IDNA 2003 makes other names of these than browsers do.
_OTHER_IN_BROWSERS = set("ßẞς\u200c\u200d")
# What browsers read as an IPv4 address.
_ENDS_IN_NUMBER = re.compile(r"(^|\.)([0-9]+|0x[0-9a-f]*)\.?$")
_NAME = re.compile(r"[a-z0-9_.-]+")
# Of an IPv6 address, those before the IPv4 address that it maps.
_MAPPED_BITS = 96
_HTTP_URL = re.compile(r"https?://[^\s/?#@:][^\s/?#@]*(/[^\s#]*)?\Z")
_VALKEY = re.compile(r"\Avalkey(?=s?://)", re.IGNORECASE)
# redis-py takes more, and connects to another place or database than was meant.
_REDIS_URL = re.compile(
    r"(?i:rediss?)://([^/?#]*@)?[^\s/?#@:][^\s/?#@]*(/[0-9]{0,9})?/?(\?.*)?\Z"
    r"|(?i:unix)://([^/?#]*@)?/.+\Z"
)


def normal_origin(origin: str) -> str | None:
    """Write an origin as browsers do: lower case, without the scheme's own port; None if none."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return None
    if "@" in parts.netloc or not parts.hostname or origin.partition("://")[2] != parts.netloc:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    own_port = port in (None, _PORTS.get(parts.scheme))
    return f"{parts.scheme}://{host}" if own_port else f"{parts.scheme}://{host}:{port}"


def origin(value: str) -> str:
    """Take an origin that a browser may send, as it writes it, or a wildcard."""
    if value in {"*", "null"}:
        return value
    exact = value.replace(_ANY_LABEL, "://", 1)
    host = exact.partition("://")[2]
    if _OTHER_IN_BROWSERS.intersection(host):
        raise ValueError(f"{value} is another name for browsers")
    normal = normal_origin(exact.replace(host, host.encode("idna").decode()) if host else exact)
    # No browser sends the others as an origin.
    if normal is None or normal.startswith(("ws://", "wss://")):
        raise ValueError(f"{value} is no origin")
    if _is_address(urlsplit(normal).hostname or "") and exact != value:
        raise ValueError(f"{value} has an address below a wildcard")
    return normal if exact == value else normal.replace("://", _ANY_LABEL, 1)


def _is_address(host: str) -> bool:
    """Whether an origin's host is an IP address; ValueError if browsers write it otherwise."""
    if ":" in host:
        ip = ipaddress.IPv6Address(host)
        # Python writes mapped addresses with dots, browsers do not.
        if set(".%").intersection(host) or (not ip.ipv4_mapped and str(ip) != host):
            raise ValueError(f"{host} is {ip}")
    elif _ENDS_IN_NUMBER.search(host):
        ipaddress.IPv4Address(host)
    elif _NAME.fullmatch(host):
        return False
    else:
        raise ValueError(f"{host} is no name")
    return True


def network(value: str) -> str:
    """Take an address or a network, an IPv4 one as such even if it is written as IPv6."""
    if value == "*":
        return value
    network = ipaddress.ip_network(value)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < _MAPPED_BITS:
        return str(network)
    return f"{mapped}/{network.prefixlen - _MAPPED_BITS}"


def redis_url(value: str) -> str:
    """Take an address of Redis, or of Valkey, which speaks the same, as one of Redis."""
    value = _VALKEY.sub("redis", value)
    if not _REDIS_URL.match(value):
        raise ValueError("it is no address of Redis")
    try:
        # Making a connection opens none, but fails for options that redis-py does not know.
        BlockingConnectionPool.from_url(value).make_connection()  # type: ignore[no-untyped-call]
    except (AttributeError, TypeError, RedisError) as error:
        raise ValueError("it has unknown options") from error
    return value


def http_url(value: str) -> str:
    """Take a URL that can be fetched."""
    if not _HTTP_URL.match(value):
        raise ValueError("it is no URL")
    _ = urlsplit(value).port  # raises if it is none
    return value
