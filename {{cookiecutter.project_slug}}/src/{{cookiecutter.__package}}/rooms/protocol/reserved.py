"""The types of frames that belong to the engine, and frames of other types."""

from typing import Annotated, get_args

from pydantic import AfterValidator, ConfigDict

from .closes import Close
from .frames import Body, ClientFrame, Frame, ServerFrame, ShowClose

_MODELS = (*get_args(ClientFrame), *get_args(ServerFrame), ShowClose)
# `frame` and `state` are events of `rooms.js`.
RESERVED_TYPES = frozenset(
    {model.model_fields["type"].default for model in _MODELS}
    | {close.row.last_words for close in Close if close.row.last_words}
    | {"frame", "state"}
)


def _not_reserved(name: str) -> str:
    if name in RESERVED_TYPES:
        raise ValueError("this type of frame belongs to the service")
    # Half of a surrogate pair has no UTF-8; the error says so.
    name.encode()
    return name


class OwnFrame(Frame):
    """Any object whose `type` does not belong to the engine."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Body]

    type: Annotated[str, AfterValidator(_not_reserved)]
