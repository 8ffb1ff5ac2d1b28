"""An identity provider on loopback: it publishes keys, and signs tokens by them."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from ..waiting import LIMIT_SECONDS

ISSUER = "https://id.example.org"
GOOD = {"iss": ISSUER, "aud": "rooms", "sub": "ann", "rooms": ["lobby"], "exp": 4_000_000_000}


class Key(NamedTuple):
    """A private key, and its public half as a JSON Web Key."""

    private: Any
    public: dict[str, Any]


def make_key(kid: str, algorithm: str = "RS256") -> Key:
    """Make a key; one of the same name is always the same."""
    return _make_key(kid, algorithm)


@cache
def _make_key(kid: str, algorithm: str) -> Key:
    match algorithm:
        case "RS256":
            of_rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            key = Key(of_rsa, RSAAlgorithm.to_jwk(of_rsa.public_key(), as_dict=True))
        case "EdDSA":
            of_okp = ed25519.Ed25519PrivateKey.generate()
            key = Key(of_okp, OKPAlgorithm.to_jwk(of_okp.public_key(), as_dict=True))
        case _:
            curve = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}[algorithm]
            of_ec = ec.generate_private_key(curve)
            key = Key(of_ec, ECAlgorithm.to_jwk(of_ec.public_key(), as_dict=True))
    key.public["kid"] = kid
    return key


def sign(
    kid: str = "one", algorithm: str = "RS256", by: Key | None = None, /, **claims: object
) -> str:
    """Sign a token by a key of this name, or by another key; a claim that is None is left out."""
    given = {name: value for name, value in {**GOOD, **claims}.items() if value is not None}
    key = by or make_key(kid, algorithm)
    return jwt.encode(given, key.private, algorithm, headers={"kid": kid})


class Provider:
    """What is published, and how often it was asked for."""

    def __init__(self) -> None:
        self.keys = [make_key("one").public]
        self.asked = 0
        self.status = 200
        self.headers: dict[str, str] = {}
        # In place of the keys.
        self.body: bytes | None = None
        # What an answer waits for.
        self.go_on = threading.Event()
        self.go_on.set()
        self.url = ""

    @property
    def settings(self) -> dict[str, Any]:
        return {"jwks_url": self.url, "jwt_issuer": ISSUER, "jwt_audience": "rooms"}

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        self.asked += 1
        self.go_on.wait(LIMIT_SECONDS)
        body = json.dumps({"keys": self.keys}).encode() if self.body is None else self.body
        request.send_response(self.status)
        for name, value in self.headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)


@contextmanager
def providing(provider: Provider) -> Iterator[None]:
    """Publish what a provider has on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # Who asked may be gone.
            with suppress(ConnectionError):
                provider.answer(self)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider.url = f"http://127.0.0.1:{server.server_port}/keys"
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield
        provider.go_on.set()
        server.shutdown()
        serving.join()
