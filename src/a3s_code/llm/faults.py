"""
What went wrong in one attempt, and the error that the caller sees.

A `Fault` is internal to this package: the transport, the stream and the wire formats
raise it, `attempts` decides whether to try again, and only then does it become one of
`ModelRefused`, `ModelUnavailable` and `ContextOverflow`.
"""

from __future__ import annotations

import re

from a3s_code.errors import ContextOverflow, ModelError, ModelRefused, ModelUnavailable
from a3s_code.llm.endpoint import Endpoint

MAX_DETAIL_CHARS = 500

_SAYS: dict[str, tuple[str, str]] = {
    "auth": ("the API key was refused", "check the api_key of provider {provider!r}"),
    "permission": (
        "the key may not use this",
        "check that the account of provider {provider!r} may use {model!r}",
    ),
    "not_found": (
        "the server knows no such model or address",
        "check the model id {model!r} and the base_url of provider {provider!r}",
    ),
    "bad_request": ("the request was refused", "read what the server says about it"),
    "too_large": ("the request is too large for the server", "send less text or fewer images"),
    "quota": (
        "the quota or the credit is used up",
        "add credit to the account of provider {provider!r} or raise its limit",
    ),
    "redirect": (
        "the server redirects, and redirects are never followed",
        "set the base_url of provider {provider!r} to the final address",
    ),
    "context_length": (
        "the conversation does not fit into the model's window",
        "compact the conversation and send it again",
    ),
    "rate_limit": ("the rate limit is reached", "wait, or ask the provider for a higher limit"),
    "server": ("the server failed", "try again later"),
    "overloaded": ("the provider is overloaded", "try again later"),
    "timeout": (
        "no answer came in time",
        "try again, or raise the timeouts of provider {provider!r}",
    ),
    "transport": (
        "the connection failed",
        "check the network and the base_url of provider {provider!r}",
    ),
    "truncated": ("the answer was cut off", "try again later"),
    "protocol": (
        "the answer is not what this API sends",
        "check the base_url of provider {provider!r}",
    ),
    "empty": ("the answer was empty", "try again later"),
}

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")
_KEY_SHAPES = re.compile(r"(?i)\bbearer\s+[^\s\"',;]+|\b[sr]k-[\w*.\-]{6,}")


class Fault(Exception):
    """
    One attempt failed.

    Attributes:
        kind: As in `ModelError.kind`.
        detail: What the server or the transport said. It may hold secrets and control
            characters until `error` has cleaned it.
        again: Another attempt may go well.
        status: HTTP status, when there was one.
        retry_after_s: What the server asked for.
    """

    def __init__(
        self,
        kind: str,
        detail: str = "",
        *,
        again: bool,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(kind)
        self.kind, self.detail, self.again = kind, detail, again
        self.status, self.retry_after_s = status, retry_after_s

    def reason(self, endpoint: Endpoint) -> str:
        """Say in one line what happened, without secrets; at most about 600 characters."""
        says = _SAYS[self.kind][0]
        status = f" (HTTP {self.status})" if self.status is not None else ""
        detail = clean(self.detail, endpoint.secrets)
        return f"{says}{status}{': ' if detail else ''}{detail}"

    def error(self, endpoint: Endpoint, *, attempts: int, note: str = "") -> ModelError:
        """Make the error for the caller; `note` says why there was no further attempt."""
        hint = _SAYS[self.kind][1].format(provider=endpoint.provider, model=endpoint.model)
        tries = f" after {attempts} attempts" if attempts > 1 else ""
        message = f"{endpoint.ref}{tries}: {self.reason(endpoint)}"
        return self._type()(
            f"{message} [{note}]" if note else message,
            kind=self.kind,
            status=self.status,
            attempts=attempts,
            retry_after_s=self.retry_after_s,
            hint=hint,
        )

    def _type(self) -> type[ModelError]:
        if self.kind == "context_length":
            return ContextOverflow
        return ModelUnavailable if self.again else ModelRefused


def clean(text: str, secrets: tuple[str, ...]) -> str:
    """Take out `secrets`, anything shaped like a key and control characters; then cut."""
    for secret in secrets:
        text = text.replace(secret, "[redacted]")
    # Cut before the patterns run, so that a long body costs no more than a short one.
    text = _KEY_SHAPES.sub("[redacted]", _CONTROL.sub(" ", text[: 4 * MAX_DETAIL_CHARS]))
    text = text.encode("utf-8", "replace").decode().strip()
    return text if len(text) <= MAX_DETAIL_CHARS else f"{text[:MAX_DETAIL_CHARS]}…"
