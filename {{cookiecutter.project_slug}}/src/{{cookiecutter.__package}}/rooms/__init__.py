"""Rooms over WebSockets, without a web framework; `manager` is the way in."""
