"""Chooses where the rooms are kept: in this process's memory, or in Redis."""

from pwdlib import PasswordHash

from ..rooms.backends.interfaces import Backend, RoomStore
from ..rooms.backends.memory import MemoryLog, MemoryPresence
from ..rooms.backends.redis.backend import RedisBackend
from ..rooms.backends.redis.client import connect
from ..rooms.backends.redis.log import RedisLog
from ..rooms.backends.redis.presence import RedisPresence
from ..rooms.clock import Clock
from ..rooms.config import ServiceConfig
from ..rooms.manager import ConnectionManager
from ..rooms.tuning import DEFAULT, Tuning
from .about import PACKAGE
from .bus import MemoryBus, RedisBus
from .store import MemoryRoomStore, RedisRoomStore


def build_manager(
    config: ServiceConfig,
    *,
    clock: Clock | None = None,
    hasher: PasswordHash | None = None,
    tuning: Tuning = DEFAULT,
) -> ConnectionManager:
    """Build the connection manager that these settings ask for."""
    hasher = hasher or PasswordHash.recommended()
    if config.redis_url is None:
        backend = Backend(MemoryLog(config.history), MemoryPresence(), MemoryBus())
        store: RoomStore = MemoryRoomStore(hasher)
        return ConnectionManager(config, store, backend, clock=clock, tuning=tuning)
    redis = connect(config.redis_url)
    log = RedisLog(redis, PACKAGE, config.history, rings=True)
    presence, bus = RedisPresence(redis, PACKAGE), RedisBus(redis, PACKAGE)
    backend = RedisBackend(log, presence, bus, redis)
    store = RedisRoomStore(redis, PACKAGE, hasher)
    return ConnectionManager(config, store, backend, clock=clock, tuning=tuning)
