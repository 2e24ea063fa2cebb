"""Variables of the environment that look like secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

MIN_CHARS = 8
"""A shorter value of a variable stands in too many texts by chance."""

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:API_?KEY|SECRET|TOKEN|PASSWORD|PASSWD|PASS|PWD|PASSPHRASE|CREDENTIALS?|APIKEY"
    r"|[A-Z0-9]+_KEY|AUTH|KEY|DSN|DATABASE_URL|CONNECTION_STRING)(?:_?[0-9]+)?$",
    re.IGNORECASE,
)
_NO_SECRET_NAME = re.compile(
    r"^(?:OLD)?PWD$|PUBLIC|^SSH_|_(?:FILE|PATH|DIR|ID|NAME)$|^GPG_KEY$", re.IGNORECASE
)
_NO_SECRET = re.compile(r"~?/[\w./-]*|[a-z]+|[A-Z]+|[0-9]{1,9}|true|false|none|https?://[^@]*")


def secrets_of(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Give name and value of each variable that is called a secret and could be one."""
    for name, value in environment.items():
        is_named = _SECRET_NAME.search(name) and not _NO_SECRET_NAME.search(name)
        if is_named and len(value) >= MIN_CHARS and not _NO_SECRET.fullmatch(value):
            yield name, value


def values_of(given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """
    Give name and value of each variable that a host has set for commands and may be a secret.

    Those are all of `MIN_CHARS` and more; a word, a path or an address counts only when its
    variable is called a secret, because as a secret it would be taken out of every text.
    """
    named = frozenset(name for name in given if _SECRET_NAME.search(name))
    for name, value in given.items():
        if len(value) >= MIN_CHARS and (name in named or not _NO_SECRET.fullmatch(value)):
            yield name, value
