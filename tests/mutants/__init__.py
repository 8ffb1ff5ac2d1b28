"""Services that are broken on purpose, by what they break; their own tests must notice."""

from . import (
    callers,
    client,
    closes,
    handlers,
    limits,
    members,
    messages,
    patterns,
    processes,
    secrets,
    telemetry,
)
from .mutant import Mutant

GROUPS = (
    closes,
    messages,
    members,
    callers,
    processes,
    limits,
    secrets,
    telemetry,
    client,
    handlers,
    patterns,
)
MUTANTS: list[Mutant] = [mutant for group in GROUPS for mutant in group.MUTANTS]
