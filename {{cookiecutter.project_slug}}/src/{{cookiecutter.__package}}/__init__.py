"""A WebSocket service with rooms."""
