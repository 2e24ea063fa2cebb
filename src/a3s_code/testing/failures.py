"""
The errors that broken turns become: what a provider's adapter makes of them after its last
attempt, said once more here, where no adapter is.
"""

from __future__ import annotations

from http import HTTPStatus

from a3s_code.errors import ContextOverflow, ModelError, ModelRefused, ModelUnavailable
from a3s_code.testing.turn import Fault, Refusal

_KINDS = {
    Fault.RESET: "transport",
    Fault.RESET_MID: "truncated",
    Fault.TRUNCATE: "truncated",
    Fault.NO_DONE: "truncated",
    Fault.EMPTY: "empty",
    Fault.BAD_JSON: "protocol",
    Fault.BAD_SSE: "protocol",
    Fault.HANG: "timeout",
    Fault.HANG_MID: "timeout",
}
_AGAIN = {
    408: "timeout",
    409: "server",
    429: "rate_limit",
    **dict.fromkeys((500, 502, 503, 504, 520, 521, 522, 523, 524), "server"),
    529: "overloaded",
}
_FOR_GOOD = {401: "auth", 402: "quota", 403: "permission", 404: "not_found", 413: "too_large"}
_MAY_BE_TOO_LONG = (400, 413, 422)


def broken(fault: Fault) -> ModelUnavailable:
    """Give the error of an answer that broke."""
    status = HTTPStatus.OK if fault is Fault.EMPTY else None
    return ModelUnavailable(
        f"The script broke the answer: {fault}.", kind=_KINDS[fault], status=status
    )


def refused(refusal: Refusal) -> ModelError:
    """
    Give the error of a refusal.

    Of a body only `context_length_exceeded` and `insufficient_quota` are understood, and of
    `Retry-After` only seconds.
    """
    status, said = refusal.status, str(refusal.body)
    message = f"The script refused with status {status}."
    if status in _MAY_BE_TOO_LONG and "context_length_exceeded" in said:
        return ContextOverflow(message, kind="context_length", status=status)
    if status < HTTPStatus.INTERNAL_SERVER_ERROR and "insufficient_quota" in said:
        return ModelRefused(message, kind="quota", status=status)
    if status in _AGAIN:
        return ModelUnavailable(
            message, kind=_AGAIN[status], status=status, retry_after_s=_retry_after_s(refusal)
        )
    return ModelRefused(message, kind=_kind_for_good(status), status=status)


def _kind_for_good(status: int) -> str:
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return "redirect"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "server"
    return _FOR_GOOD.get(status, "bad_request")


def _retry_after_s(refusal: Refusal) -> float | None:
    headers = {name.lower(): value for name, value in refusal.headers.items()}
    said = headers.get("retry-after", "")
    return float(said) if said.isdecimal() else None
