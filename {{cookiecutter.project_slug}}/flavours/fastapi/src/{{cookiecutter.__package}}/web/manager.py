"""Chooses where the rooms are kept: in this process's memory, or in Redis."""

from pwdlib import PasswordHash

from ..config import Config
from ..rooms.backends.interfaces import Backend, RoomStore
from ..rooms.backends.memory import memory_backend
from ..rooms.backends.redis.backend import redis_backend
from ..rooms.clock import Clock
from ..rooms.config import load_config
from ..rooms.manager import ConnectionManager
from ..rooms.service import Service
from ..rooms.tuning import DEFAULT, Tuning
from ..service import make_service
from .store import MemoryRoomStore, RedisRoomStore


def build_manager(
    config: Config | None = None,
    service: Service | None = None,
    *,
    clock: Clock | None = None,
    hasher: PasswordHash | None = None,
    tuning: Tuning = DEFAULT,
) -> ConnectionManager:
    """Build the connection manager that these settings ask for.

    They default to those of the environment, `service` to yours.
    """
    config = config or load_config(Config)
    service = make_service(config) if service is None else service
    hasher = hasher or PasswordHash.recommended()
    backend: Backend
    store: RoomStore
    if config.redis_url is None:
        backend, store = memory_backend(config.history, service.keep), MemoryRoomStore(hasher)
    else:
        on_redis = redis_backend(
            config.redis_url, config.redis_prefix, config.history, service.keep
        )
        backend, store = on_redis, RedisRoomStore(on_redis.redis, on_redis.keyspace, hasher)
    return ConnectionManager(config, store, backend, service=service, clock=clock, tuning=tuning)
