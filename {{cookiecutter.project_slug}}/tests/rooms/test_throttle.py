"""How often a password may be tried."""

import pytest

from {{cookiecutter.__package}}.rooms.auth.throttle import (
    WINDOW_SECONDS,
    PasswordThrottle,
)
from {{cookiecutter.__package}}.rooms.errors import TooManyGuessesError

from ..clock import ManualClock

MOST = 10


def is_refused(limit: PasswordThrottle, address: str = "203.0.113.1", room: str = "cellar") -> bool:
    try:
        limit.count(address, room)
    except TooManyGuessesError:
        return True
    return False


def spend(limit: PasswordThrottle, address: str = "203.0.113.1", room: str = "cellar") -> None:
    for _ in range(MOST):
        limit.count(address, room)


def test_so_many_then_none_until_the_window_ends() -> None:
    clock = ManualClock()
    limit = PasswordThrottle(clock, MOST)
    spend(limit)
    clock.advance(WINDOW_SECONDS - 1.5)
    with pytest.raises(TooManyGuessesError) as refused:
        limit.count("203.0.113.1", "cellar")
    assert refused.value.retry_after == 1.5
    clock.advance(1.5)
    spend(limit)
    assert is_refused(limit)


def test_another_address_and_another_room_are_counted_by_themselves() -> None:
    limit = PasswordThrottle(ManualClock(), MOST)
    spend(limit)
    assert is_refused(limit)
    assert not is_refused(limit, address="203.0.113.2")
    assert not is_refused(limit, room="attic")


def test_all_addresses_of_one_network_of_ipv6_are_one() -> None:
    limit = PasswordThrottle(ManualClock(), MOST)
    spend(limit, "2001:db8::1")
    assert is_refused(limit, "2001:db8::ffff:2")
    assert not is_refused(limit, "2001:db8:0:1::1")


def test_who_knew_the_password_begins_anew() -> None:
    limit = PasswordThrottle(ManualClock(), MOST)
    spend(limit)
    limit.forget("203.0.113.1", "cellar")
    assert not is_refused(limit)


def test_no_more_is_kept_than_fits() -> None:
    limit = PasswordThrottle(ManualClock(), MOST, kept=3)
    for host in range(5):
        spend(limit, f"203.0.113.{host}")
    refused = [is_refused(limit, f"203.0.113.{host}") for host in (4, 3, 2)]
    assert refused == [True] * 3, "the newest are kept"
    assert not is_refused(limit, "203.0.113.0"), "the oldest are forgotten"
