"""How fast a client may speak."""

from {{cookiecutter.__package}}.rooms.connections.rate import RateLimit

from ..clock import ManualClock


def test_a_burst_then_a_steady_rate() -> None:
    clock = ManualClock()
    limit = RateLimit(10, clock)
    assert [limit.allow() for _ in range(11)] == [True] * 10 + [False]
    clock.advance(0.5)
    assert [limit.allow() for _ in range(6)] == [True] * 5 + [False]


def test_silence_saves_up_no_more_than_a_burst() -> None:
    clock = ManualClock()
    limit = RateLimit(3, clock)
    clock.advance(1_000)
    assert [limit.allow() for _ in range(4)] == [True] * 3 + [False]


def test_a_client_is_told_when_a_burst_is_allowed_again() -> None:
    clock = ManualClock()
    limit = RateLimit(4, clock)
    while limit.allow():
        pass
    assert limit.retry_after == 1.0
    clock.advance(0.2)
    assert not limit.allow()
    assert limit.retry_after == 0.8


def test_zero_is_no_limit() -> None:
    limit = RateLimit(0, ManualClock())
    assert all(limit.allow() for _ in range(10_000))
    assert limit.retry_after == 0.0
