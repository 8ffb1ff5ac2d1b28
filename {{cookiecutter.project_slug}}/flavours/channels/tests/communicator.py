"""Channels' WebsocketCommunicator, without daphne.

`channels.testing` imports daphne for a live server, which nothing here uses. Daphne's dependencies
need a compiler on several systems, and its import sets another event loop policy.
"""

import sys
from importlib.util import find_spec
from types import ModuleType

_MISSING = () if find_spec("daphne") else ("daphne", "daphne.testing")

for _name in _MISSING:
    sys.modules[_name] = ModuleType(_name)
    vars(sys.modules[_name])["DaphneProcess"] = None

from channels.testing import WebsocketCommunicator  # noqa: E402 (only now can it be imported)

for _name in _MISSING:
    del sys.modules[_name]

__all__ = ["WebsocketCommunicator"]
