"""What nobody may find in a log."""

import re

from ..configs import API_KEY, SECRET_KEY

PASSWORD = "sesame"
# However it was made, each token begins with the same brace and quote.
_SECRETS = re.compile("|".join([r"eyJ[\w-]{8}", *map(re.escape, (API_KEY, SECRET_KEY, PASSWORD))]))


def expect_no_secret(printed: str) -> None:
    """Expect no token, no password and no key in what was printed."""
    found = _SECRETS.search(printed)
    assert found is None, f"{found and found[0]!r} was told: {printed[-3_000:]}"
