"""Tests: `contract` over a real socket, `rooms` of the engine, and here the framework's own."""
