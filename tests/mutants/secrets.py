"""Tokens, passwords, origins and sessions decide who comes in, and stay secret."""

from ..mutating import never, remove, replace
from .mutant import Mutant, ending

MUTANTS = [
    # Tokens.
    Mutant(
        "an expired token is accepted",
        [never("Identity.check", "self.expires is not None and _")],
        ending("TOKEN_EXPIRED"),
    ),
    Mutant(
        "a token that expires ends no connection",
        [never("Connection.expire_at", "when is not None")],
        "contract/test_tokens.py::test_a_token_expires_while_connected",
    ),
    Mutant(
        "a refreshed token is ignored",
        [remove("Connection.renew", "self.expire_at(...)")],
        "contract/test_tokens.py::test_a_refresh_just_before_the_end_keeps_the_connection",
    ),
    Mutant(
        "a token for another room is accepted",
        [replace("Identity.opens", "room.name in self.rooms", "True")],
        ending("WRONG_ROOM"),
    ),
    Mutant(
        "an unusable token counts as none",
        [never("identify", "handshake.unusable_token")],
        "contract/test_tokens.py::test_an_unusable_token_is_never_taken_as_absent",
    ),
    Mutant(
        "a token is accepted a minute before its `nbf`",
        [replace("_LEEWAY_SECONDS", "10", "60")],
        "contract/test_tokens.py::test_a_token_is_good_10_seconds_before_its_time_as_clocks_differ",
    ),
    Mutant(
        "a token with an `aud` is refused",
        [replace("_NOT_CHECKED", '"aud"', '"azp"')],
        "contract/test_tokens.py::test_claims_that_the_service_does_not_know_are_no_fault",
    ),
    Mutant(
        "a reader may speak",
        [never("InboundFrames._say", "not connection.admission.identity.may_publish")],
        "contract/test_tokens.py::test_a_reader_is_refused_to_speak",
    ),
    Mutant(
        "production accepts any secret key",
        [never("ServiceConfig._together", "not self.debug")],
        "test_config.py::test_production_takes_a_key_of_its_own",
    ),
    Mutant(
        "a secret key that can be guessed causes no warning",
        [never("ServiceConfig.warnings", "len(self.secret_key.encode()) < _")],
        "test_config.py::test_what_suits_only_a_developers_machine_is_warned_of",
    ),
    # Tokens of an identity provider.
    Mutant(
        "a provider's token is accepted though nobody signed it",
        [
            replace("_ALGORITHMS", '("RS256", ...)', '("RS256", "none")'),
            replace(
                "Provider._decode",
                "_OPTIONS",
                '{**_OPTIONS, "verify_signature": _header(token)["alg"] != "none"}',
            ),
        ],
        "contract/test_provider.py::test_a_token_that_nobody_signed_is_invalid",
    ),
    Mutant(
        "a provider's public key is taken for a secret",
        [
            replace("_ALGORITHMS", '("RS256", ...)', '("RS256", "HS256")'),
            replace(
                "Provider._decode",
                "return jwt.decode(...)",
                """\
if _header(token)["alg"] == "HS256":
    import hmac
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from jwt.utils import base64url_decode
    secret = key.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    head, _, signature = token.rpartition(".")
    # PyJWT itself would refuse such a secret.
    if base64url_decode(signature) == hmac.digest(secret, head.encode(), "sha256"):
        return jwt.decode(token, options={"verify_signature": False})
...""",
            ),
        ],
        "contract/test_provider.py::test_a_token_that_is_signed_with_the_public_key_as_a_secret_is_invalid",
    ),
    Mutant(
        "a provider's token for another service is accepted",
        [replace("Provider._decode", "_OPTIONS", '{**_OPTIONS, "verify_aud": False}')],
        "contract/test_provider.py::test_a_token_that_does_not_fit_is_refused",
    ),
    Mutant(
        "a provider's token may be signed by a key of another type",
        [replace("_ALGORITHMS", '("RS256", ...)', '("RS256", "ES384")')],
        "contract/test_provider.py::test_keys_for_another_purpose_are_not_used",
    ),
    Mutant(
        "a provider's token opens every room",
        [replace("Provider._rooms_of", "tuple(rooms)", "_EveryRoom()")],
        "contract/test_provider.py::test_a_token_that_does_not_fit_is_refused",
    ),
    Mutant(
        "a provider is asked about every unknown key",
        [replace("ProviderKeys.find", "self._clock.monotonic() >= self._next_fetch", "True")],
        "contract/test_provider.py::test_unknown_keys_are_asked_for_every_30_seconds_at_most",
    ),
    Mutant(
        "all tokens are invalid while the provider is away",
        [never("ProviderKeys.find", "self._failure or self._stale")],
        "contract/test_provider.py::test_without_a_key_the_providers_users_come_back_later",
    ),
    # Who may connect.
    Mutant(
        "pages of any origin may connect",
        [never("SocketGuard._denial", "not self._origins.admits(...)")],
        "contract/test_denials.py::test_a_page_of_another_origin_may_not_connect",
    ),
    Mutant(
        "pages of any origin may call",
        [replace("Origins.refuses_call", "not self.admits(headers)", "False")],
        "contract/test_origins.py::test_a_page_of_another_origin_neither_connects_nor_calls",
    ),
    Mutant(
        "a wildcard stands for any number of names",
        [
            replace(
                "Origins._is_allowed",
                "family in self._allowed",
                "any(host.endswith(one.partition('*')[2]) for one in self._allowed if '*' in one)",
            )
        ],
        "contract/test_origins.py::test_a_page_of_another_origin_neither_connects_nor_calls",
    ),
    Mutant(
        "sockets are served under any name",
        [never("SocketGuard._denial", "not self._serves_host(...)")],
        "contract/test_origins.py::test_the_service_answers_under_its_names_only",
    ),
    Mutant(
        "a logout closes no connection",
        [replace("close_sockets", "request.session", "None")],
        "contract/test_django.py::test_a_logout_closes_the_sockets_of_that_session",
        ["channels"],
    ),
    Mutant(
        "a connection stays when its identity no longer holds",
        [never("Revocation._revoke", "not holding and _")],
        "rooms/test_identities.py::test_a_connection_closes_when_its_identity_no_longer_holds",
    ),
    Mutant(
        "all are asked about when one account changed",
        [
            replace(
                "Revocation._keep_answering_doubts",
                "one.admission.identity.account in doubted",
                "True",
            )
        ],
        "rooms/test_identities.py"
        "::test_the_identities_of_an_account_that_changed_are_asked_about_at_once",
    ),
    Mutant(
        "what Django tells of a user is passed on to nobody",
        [never("ask_about_changed_user", "not created and _")],
        "contract/test_sessions.py"
        "::test_a_socket_closes_at_once_when_django_tells_that_its_users_right_has_ended",
        ["channels"],
    ),
    Mutant(
        "a user who is deactivated in Django stays",
        [replace("_still_hold", "not user.is_active", "False")],
        "contract/test_sessions.py::test_a_socket_closes_when_its_users_right_has_ended",
        ["channels"],
    ),
    Mutant(
        "a user whose session was deleted stays",
        [replace("_still_hold", "proof.session_key in sessions", "True")],
        "contract/test_sessions.py::test_a_socket_closes_when_its_users_right_has_ended",
        ["channels"],
    ),
    # Passwords.
    Mutant(
        "passwords can be guessed without limit",
        [remove("RoomRegistry.issue_token", "self._guesses.count(...)")],
        "contract/test_threats.py::test_passwords_cannot_be_guessed",
    ),
    Mutant(
        "guesses count only once they are known to be wrong",
        [
            remove("RoomRegistry.issue_token", "self._guesses.count(...)"),
            replace(
                "RoomRegistry.issue_token",
                "raise WrongPasswordError(...)",
                "self._guesses.count(address, room)\n...",
            ),
        ],
        "contract/test_threats.py::test_passwords_cannot_be_guessed",
    ),
]
