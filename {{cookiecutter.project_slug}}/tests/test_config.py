"""Settings: what they take, and how a wrong one is told."""

import os
from pathlib import Path
from unittest import mock

import pytest
from pydantic import field_validator

from {{cookiecutter.__package}}.config import Config
from {{cookiecutter.__package}}.rooms.config import (
    ServiceConfig,
    load_config,
)
from {{cookiecutter.__package}}.rooms.urls import normal_origin
from {{cookiecutter.__package}}.web.about import PACKAGE

from .configs import clean_environment, make_config


def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **environment: str) -> Config:
    monkeypatch.chdir(tmp_path)
    with mock.patch.dict(os.environ, {**clean_environment(), **environment}, clear=True):
        return load_config(Config)


def test_nothing_has_to_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(tmp_path, monkeypatch)
    assert (config.host, config.port, config.rooms) == ("127.0.0.1", 8000, ("lobby",))
    assert config.guests
    assert config.redis_prefix == PACKAGE
    assert len(config.secret_key) >= 32
    assert config.secret_key != load(tmp_path, monkeypatch).secret_key


def test_a_file_is_read_and_the_environment_counts_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(
        "PORT=9000\nROOM_CAPACITY=7\nOTHERS_SETTING=1\n", encoding="utf-8"
    )
    config = load(tmp_path, monkeypatch, PORT="9001", API_KEY="")
    assert (config.port, config.room_capacity, config.api_key) == (9001, 7, None)


def test_lists_are_comma_separated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origins = "https://www.example.org, http://localhost:3000,https://www.example.org:443"
    config = load(tmp_path, monkeypatch, ROOMS="lobby, attic", ALLOWED_ORIGINS=origins)
    assert config.rooms == ("lobby", "attic")
    assert config.allowed_origins == (
        "https://www.example.org",
        "http://localhost:3000",
        "https://www.example.org",
    )


@pytest.mark.parametrize(
    ("origin", "sent"),
    [
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("http://[2001:DB8::1]:80", "http://[2001:db8::1]"),
        ("http://[::ffff:A00:7]", "http://[::ffff:a00:7]"),
        ("https://a_b-c.example.org.", "https://a_b-c.example.org."),
        ("https://*.example.org:8443", "https://*.example.org:8443"),
        ("https://10.example.org", "https://10.example.org"),
        ("https://Grösse.example", "https://xn--grsse-kua.example"),
        ("https://xn--strae-oqa.de", "https://xn--strae-oqa.de"),
        ("tauri://localhost", "tauri://localhost"),
    ],
)
def test_an_origin_is_kept_as_browsers_send_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: str, sent: str
) -> None:
    assert load(tmp_path, monkeypatch, ALLOWED_ORIGINS=origin).allowed_origins == (sent,)


def test_mapped_proxies_are_the_ipv4_addresses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = "::ffff:127.0.0.1, ::ffff:10.0.0.0/104, ::1, 2001:db8::/32, ::/0, 10.0.0.7"
    config = load(tmp_path, monkeypatch, FORWARDED_ALLOW_IPS=written)
    assert config.forwarded_allow_ips == (
        "127.0.0.1/32",
        "10.0.0.0/8",
        "::1/128",
        "2001:db8::/32",
        "::/0",
        "10.0.0.7/32",
    )


def test_guests_follow_debug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    production = {"DEBUG": "false", "SECRET_KEY": "k" * 32}
    assert not load(tmp_path, monkeypatch, **production).guests
    assert load(tmp_path, monkeypatch, **production, GUESTS="true").guests
    assert not load(tmp_path, monkeypatch, GUESTS="false").guests


@pytest.mark.parametrize(
    ("name", "value", "takes"),
    [
        ("PORT", "eight", "0 to 65535"),
        ("PORT", "65536", "0 to 65535"),
        ("WORKERS", "0", "at least 1"),
        ("WORKERS", "2", "REDIS_URL"),
        *(
            ("REDIS_URL", url, "redis://user:password@host:6379/0")
            for url in (
                "localhost:6379",
                "http://localhost",
                "redis://h:port/0",
                "redis:/user:pw@h:1",
                "redis:user:pw@h:1",
                "redis:///0",
                "redis://:6379",
                "redis://h/abc",
                "redis://h/0?nosuch=1",
                "redis://h/0?db=first",
                "redis://h/0?retry=1",
                "rediss://h?ssl_cert_reqs=perhaps",
                "unix://run/redis.sock",
            )
        ),
        ("REDIS_PREFIX", "{rooms}", "A-Z a-z 0-9 _ . : -"),
        ("REDIS_PREFIX", "r" * 65, "1 to 64"),
        ("DEBUG", "perhaps", "true or false"),
        ("GUESTS", "some", "true or false"),
        *(
            ("JWKS_URL", url, "https://")
            for url in (
                "id.example.org/keys",
                "file:///etc/passwd",
                "https://",
                "https://user:password@id.example.org/keys",
                "https://id.example.org/keys#one",
                "https://id.example.org/a b",
                "https://id.example.org:port/keys",
                "https://:443/keys",
                "https://[id/keys",
            )
        ),
        ("METRICS", "some", "loopback, anyone or key"),
        ("ROOMS", "lobby,Attic", "a-z 0-9"),
        ("ROOMS", "lobby,", "a-z 0-9"),
        ("ALLOWED_ORIGINS", "www.example.org", "https://www.example.org"),
        *(
            ("ALLOWED_ORIGINS", origin, "https://*.example.org")
            for origin in (
                "https://*",
                "https://*.*.example.org",
                "https://a.*.example.org",
                "https://example.org/",
                "https://user@example.org",
                "wss://example.org",
                "**",
                "https://",
                "https://exa mple.org",
                "http://[::0001]",
                "http://[::ffff:10.0.0.7]",
                "http://[fe80::1%25eth0]",
                "http://127.1",
                "http://127.0.0.1.",
                "http://010.0.0.1",
                "http://0x7f000001",
                "https://\uff11\uff12\uff17.1",
                "https://%41.org",
                "https://a.b\\c",
                "https://a<b",
                'https://a"b',
                "https://a.b|c",
                "https://a..b",
                "https://*.127.0.0.1",
                "https://*.[::1]",
                "https://straße.de",
                "https://STRAẞE.de",
                "https://νίκος.gr",
                "https://a\u200db.org",
                "https://a\u200cb.org",
            )
        ),
        ("ALLOWED_HOSTS", "http://www.example.org", ".example.org"),
        ("ALLOWED_HOSTS", "www.example.org/", ".example.org"),
        ("ALLOWED_HOSTS", "a b", ".example.org"),
        ("ALLOWED_HOSTS", "a,", ".example.org"),
        ("FORWARDED_ALLOW_IPS", "**", "10.0.0.0/8"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.7/8", "10.0.0.0/8"),
        ("FORWARDED_ALLOW_IPS", "proxy", "10.0.0.0/8"),
        ("MAX_CONNECTIONS", "-1", "at least 1"),
        ("CONNECTIONS_PER_ADDRESS", "-1", "at least 0"),
        ("ROOM_CAPACITY", "0", "at least 1"),
        ("MAX_MESSAGE_BYTES", "64K", "at least 1"),
        ("MESSAGES_PER_SECOND", "-1", "at least 0"),
        ("OUTBOX_BYTES", "0", "at least 1"),
        ("HISTORY", "1.5", "at least 0"),
        ("HISTORY", "9" * 23, "at most 2147483647"),
        ("ROOM_CAPACITY", "2147483648", "at most 2147483647"),
        ("MESSAGES_PER_SECOND", "9" * 400, "at most 2147483647"),
        ("DRAIN_SECONDS", "86401", "at most 86400"),
        *((name, "a\udcffb", "UTF-8") for name in ("SECRET_KEY", "JWT_ROOMS_CLAIM")),
        *(("API_KEY", key, "ASCII") for key in ("my key", "key\t", "schlüssel")),
        ("DRAIN_SECONDS", "inf", "at least 0"),
        ("DRAIN_SECONDS", "nan", "at least 0"),
        ("DRAIN_SECONDS", "-1", "at least 0"),
    ],
)
def test_a_wrong_value_is_told_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, takes: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        load(tmp_path, monkeypatch, **{name: value})
    told = str(ended.value)
    assert told.startswith(name)
    assert takes in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("name", "value", "got"),
    [
        ("API_KEY", "my hunter2", "'…'"),
        ("REDIS_URL", "redis://user:password@h:port/0", "'redis://…@h:port/0'"),
        ("REDIS_URL", "redis://h:6379/x?password=hunter2", "'redis://h:6379/x?…'"),
        ("REDIS_URL", "redis://user:password@h/abc?db=1", "'redis://…@h/abc?…'"),
        ("REDIS_URL", "redis://h:port/0?password=a@hunter2", "'redis://…'"),
        ("REDIS_URL", "redis://:hunter2?b@h", "'redis://…'"),
        ("REDIS_URL", "redis://:hunter2", "'redis://:…'"),
        ("REDIS_URL", "REDIS://:12345/0", "'REDIS://:…/0'"),
        ("REDIS_URL", "redis://user:123456", "'redis://user:…'"),
        ("REDIS_URL", "redis://user:2hunter/0", "'redis://user:…/0'"),
        ("REDIS_URL", "user:password@h:6379", "'…@h:6379'"),
        ("JWKS_URL", "https://user:password@h/keys", "'https://…@h/keys'"),
        ("JWKS_URL", "http://h:80x/keys?key=hunter2", "'http://h:…/keys?…'"),
    ],
)
def test_an_error_shows_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, got: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        load(tmp_path, monkeypatch, **{name: value})
    assert str(ended.value).startswith(f"{name}: got {got}; it takes ")


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "REDIS://[::1]:6379/",
        "redis://user:password@h:1/12?socket_keepalive=yes",
        "rediss://h/0?ssl_ca_certs=/etc/ca.pem",
        "unix:///run/redis.sock?db=2",
        "unix://user:password@/run/redis.sock",
    ],
)
def test_a_redis_url_may_have_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    assert load(tmp_path, monkeypatch, REDIS_URL=url).redis_url == url


@pytest.mark.parametrize(
    ("url", "redis_url"),
    [("valkey://:p@h:1/2", "redis://:p@h:1/2"), ("valkeys://h", "rediss://h")],
)
def test_valkey_is_addressed_as_redis_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, redis_url: str
) -> None:
    assert load(tmp_path, monkeypatch, REDIS_URL=url).redis_url == redis_url


@pytest.mark.parametrize("missing", [{"JWKS_URL"}, {"JWT_AUDIENCE"}, {"JWKS_URL", "JWT_ISSUER"}])
def test_settings_that_an_identity_provider_lacks_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: set[str]
) -> None:
    settings = {
        "JWKS_URL": "https://id.example.org:8443/keys?of=rooms",
        "JWT_ISSUER": "https://id.example.org",
        "JWT_AUDIENCE": "rooms",
    }
    load(tmp_path, monkeypatch, **settings)
    given = {name: "" if name in missing else value for name, value in settings.items()}
    with pytest.raises(SystemExit) as ended:
        load(tmp_path, monkeypatch, **given)
    names, _, told = str(ended.value).partition(": ")
    assert set(names.split(", ")) == missing
    assert told == "got nothing; JWKS_URL and JWT_ISSUER and JWT_AUDIENCE are set together"


def test_a_setting_of_your_own_needs_no_words(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(ServiceConfig):
        seats: int = 4

        @field_validator("seats")
        @classmethod
        def _even(cls, seats: int) -> int:
            if seats % 2:
                raise ValueError("it takes an even number")
            return seats

    for value, told in (("many", "Input should be a valid integer"), ("5", "it takes an even")):
        monkeypatch.setenv("SEATS", value)
        with pytest.raises(SystemExit, match=f"^SEATS: got '{value}'; {told}"):
            load_config(Own)


def test_all_wrong_values_are_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit) as ended:
        load(tmp_path, monkeypatch, PORT="x", HISTORY="y")
    assert [line.split(":")[0] for line in str(ended.value).splitlines()] == ["PORT", "HISTORY"]


def test_a_file_that_is_not_utf8_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_bytes(b"API_KEY=caf\xe9\n")
    with pytest.raises(SystemExit, match=r"^\.env: .* it takes UTF-8$"):
        load(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("", "got nothing"),
        ("k" * 31, "got 31 bytes"),
        ("ü" * 15, "got 30 bytes"),
    ],
)
def test_production_takes_a_key_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, told: str
) -> None:
    with pytest.raises(SystemExit, match=f"^SECRET_KEY: .*{told}") as ended:
        load(tmp_path, monkeypatch, DEBUG="false", SECRET_KEY=key)
    assert "kk" not in str(ended.value)
    for good in ("k" * 32, "ü" * 16):
        load(tmp_path, monkeypatch, DEBUG="false", SECRET_KEY=good)


@pytest.mark.parametrize("debug", ["false", "true"])
def test_a_public_key_is_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, debug: str
) -> None:
    key = f"-----BEGIN PUBLIC KEY-----\n{'k' * 32}\n-----END PUBLIC KEY-----"
    with pytest.raises(SystemExit, match=r"^SECRET_KEY: got a public key") as ended:
        load(tmp_path, monkeypatch, DEBUG=debug, SECRET_KEY=key)
    assert "kk" not in str(ended.value)


PROVIDER = {
    "jwks_url": "https://id.example.org/keys",
    "jwt_issuer": "https://id.example.org",
    "jwt_audience": "rooms",
}


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ({}, []),
        ({"secret_key": "k" * 31}, ["SECRET_KEY"]),
        ({"api_key": None, "guests": False}, ["API_KEY"]),
        ({"api_key": None, "guests": False, **PROVIDER}, []),
        ({"host": "0.0.0.0"}, ["HOST"]),  # noqa: S104 (what is warned of)
        ({"host": "www.example.org"}, ["HOST"]),
        ({"host": "localhost"}, []),
        ({"host": "::1"}, []),
        ({"host": "0.0.0.0", "debug": False}, []),  # noqa: S104 (as above)
        ({"allowed_origins": "*"}, []),
        ({"allowed_origins": "*", "debug": False}, ["ALLOWED_ORIGINS"]),
        ({"forwarded_allow_ips": "*"}, []),
        (
            {"forwarded_allow_ips": "*", "host": "www.example.org", "debug": False},
            ["FORWARDED_ALLOW_IPS"],
        ),
    ],
)
def test_what_suits_only_a_developers_machine_is_warned_of(
    settings: dict[str, object], warned: list[str]
) -> None:
    warnings = make_config(**settings).warnings()
    assert len(warnings) == len(warned)
    assert all(name in warning for name, warning in zip(warned, warnings, strict=True))


@pytest.mark.parametrize(
    ("origin", "normal"),
    [
        ("http://Example.ORG", "http://example.org"),
        ("http://example.org:80", "http://example.org"),
        ("https://example.org:80", "https://example.org:80"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("http://example.org/", None),
        ("http://user@example.org", None),
        ("http://example.org:port", None),
        ("http://[", None),
        ("example.org", None),
        ("null", None),
        ("", None),
    ],
)
def test_origins_are_compared_as_browsers_write_them(origin: str, normal: str | None) -> None:
    assert normal_origin(origin) == normal
