"""The session of a socket, its user, and how connections and events name it."""

import hashlib
from collections.abc import Collection, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from channels.sessions import InstanceSessionWrapper
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.utils.timezone import now

from ..rooms.auth.handshake import Handshake
from ..rooms.auth.identities import Authenticator, Identity
from ..rooms.names import is_user_name
from ..rooms.protocol.closes import Close, CloseConnection
from ..server.middleware import Receive, Scope, Send
from .run_context import in_thread

# Typed by other names for what ASGI has.
_wrap: Any = InstanceSessionWrapper


class SocketSessionMiddleware:
    """Puts the session into the scope, as `SessionMiddleware` does, and leaves `send` alone.

    That one looks at the session for every frame, though a socket can set no cookie.
    """

    def __init__(self, inner: object) -> None:
        self._inner: Any = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        wrapper = _wrap(scope, send)
        await wrapper.resolve_session()
        await self._inner(wrapper.scope, receive, send)


class Proof(NamedTuple):
    """The user and the session of an identity, and what changes with the user's password."""

    user_id: Any
    session_key: str | None
    password_hash: str


class SessionUsers(Authenticator):
    """Identifies users who have logged in to Django."""

    async def authenticate(self, handshake: Handshake, room: str) -> Identity | None:
        """Identify the user of a session.

        Raises:
            CloseConnection: with TOKEN_REQUIRED; the username can't be a user's name here.
        """
        user = handshake.extra.get("user")
        if user is None or not user.is_authenticated:
            return None
        name = user.get_username()
        if not is_user_name(name):
            raise CloseConnection(Close.TOKEN_REQUIRED)
        claims = {"id": user.pk, "is_staff": getattr(user, "is_staff", False)}
        session = handshake.extra.get("session")
        proof = Proof(user.pk, getattr(session, "session_key", None), user.get_session_auth_hash())
        return Identity(
            name,
            claims=claims,
            session=session_name(session),
            account=account_name(user),
            proof=proof,
        )

    async def still_holds(self, identities: Sequence[Identity]) -> Sequence[bool]:
        """Look up the users and their sessions, however many, by one query each."""
        return await _still_hold(identities)


@in_thread
def _still_hold(identities: Sequence[Identity]) -> list[bool]:
    proofs: list[Proof] = [one.proof for one in identities]
    # As Django's own backend finds users.
    users = get_user_model()._default_manager.in_bulk({one.user_id for one in proofs})  # noqa: SLF001 (it has no public name)
    sessions = _live_sessions({one.session_key for one in proofs if one.session_key})

    def holds(name: str, proof: Proof) -> bool:
        user = users.get(proof.user_id)
        if user is None or not user.is_active or user.get_username() != name:
            return False
        same_password = user.get_session_auth_hash() == proof.password_hash
        return same_password and (proof.session_key is None or proof.session_key in sessions)

    return [holds(one.user, proof) for one, proof in zip(identities, proofs, strict=True)]


def _live_sessions(keys: Collection[str]) -> Collection[str]:
    """Tell which sessions have neither ended nor expired, in whatever place they are kept."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    if hasattr(store, "get_model_class"):
        kept = store.get_model_class().objects.filter(expire_date__gt=now())
        return set(kept.in_bulk(keys))
    return {key for key in keys if store(key).load()}


def account_name(user: AbstractBaseUser) -> str:
    """Name a user in a way that no change touches."""
    return f"{user.pk}"


def session_name(session: object) -> str | None:
    """Name a session without telling its key, which would let anyone in; None if it has none."""
    key: str | None = getattr(session, "session_key", None)
    return hashlib.sha256(key.encode()).hexdigest() if key else None
