"""Tests: `contract` over a real socket, `rooms` of the core alone, and here the framework's own."""
