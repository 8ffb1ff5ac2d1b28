"""How connections and events name a session."""

import hashlib


def session_name(session: object) -> str | None:
    """Name a session without telling its key, which would let anyone in; None if it has none."""
    key: str | None = getattr(session, "session_key", None)
    return hashlib.sha256(key.encode()).hexdigest() if key else None
