"""
What an HTTP status or an error object of a provider means.

Both wires are covered by one table, since servers that speak one of them often borrow
error types of the other. Where a body contradicts its status (a quota that is used up
comes as 429), the body decides.
"""

from __future__ import annotations

import json
import re
from typing import Any, cast

import msgspec

from a3s_code.llm.faults import Fault

_REFUSED = {
    400: "bad_request",
    401: "auth",
    402: "quota",
    403: "permission",
    404: "not_found",
    413: "too_large",
    415: "bad_request",
    422: "bad_request",
}
_AGAIN = {
    408: "timeout",
    409: "server",
    429: "rate_limit",
    500: "server",
    502: "server",
    503: "server",
    504: "server",
    520: "server",
    521: "server",
    522: "server",
    523: "server",
    524: "server",
    529: "overloaded",
}
_MAY_BE_TOO_LONG = {400, 413, 422}
_REFUSED_TYPES = {
    "authentication_error": "auth",
    "billing_error": "quota",
    "insufficient_quota": "quota",
    "invalid_api_key": "auth",
    "invalid_request_error": "bad_request",
    "model_not_found": "not_found",
    "not_found_error": "not_found",
    "permission_error": "permission",
    "request_too_large": "too_large",
}
_AGAIN_TYPES = {
    "api_error": "server",
    "overloaded_error": "overloaded",
    "rate_limit_error": "rate_limit",
    "rate_limit_exceeded": "rate_limit",
    "timeout_error": "timeout",
}
_TOO_LONG = re.compile(
    r"context[ _](length|window|limit|size)|prompt is too long|input (token count|is too long)"
    r"|exceeds? the (maximum|model's maximum) (number of )?(input )?tokens",
    re.IGNORECASE,
)
_NO_QUOTA = re.compile(
    r"insufficient_quota|exceeded your current quota|credit balance is too low|billing_hard_limit",
    re.IGNORECASE,
)
_HTTP_REDIRECT, _HTTP_BAD_REQUEST, _HTTP_SERVER_ERROR = 300, 400, 500


class _Error(msgspec.Struct):
    message: str = ""
    type: str = ""
    code: str = ""


def of_status(status: int, body: bytes, retry_after_s: float | None) -> Fault:
    """
    Classify an answer whose status is not 2xx.

    Args:
        body: The start of the body, in whatever format it came.
        retry_after_s: What the headers asked for.
    """
    text = body.decode("utf-8", "replace")
    error = _error_in(_json(text))
    detail = error.message or error.type or error.code or text
    if _HTTP_REDIRECT <= status < _HTTP_BAD_REQUEST:
        return Fault("redirect", again=False, status=status)
    if status < _HTTP_SERVER_ERROR:
        said = f"{error.code} {error.type} {error.message}"
        if status in _MAY_BE_TOO_LONG and _TOO_LONG.search(said):
            return Fault("context_length", detail, again=False, status=status)
        if _NO_QUOTA.search(said):
            return Fault("quota", detail, again=False, status=status)
    if status in _AGAIN:
        return Fault(_AGAIN[status], detail, again=True, status=status, retry_after_s=retry_after_s)
    kind = "server" if status >= _HTTP_SERVER_ERROR else _REFUSED.get(status, "bad_request")
    return Fault(kind, detail, again=False, status=status)


def of_object(value: object) -> Fault:
    """Classify an error object that came under status 200, in a stream or as its body."""
    error = _error_in({"error": value})
    detail = error.message or error.type or error.code or "an error without a text"
    said = f"{error.code} {error.type} {error.message}"
    if _TOO_LONG.search(said):
        return Fault("context_length", detail, again=False)
    if _NO_QUOTA.search(said):
        return Fault("quota", detail, again=False)
    if error.code.isascii() and error.code.isdigit() and len(error.code) == len("500"):
        return of_status(int(error.code), msgspec.json.encode({"error": {"message": detail}}), None)
    for name in (error.code, error.type):
        if name in _REFUSED_TYPES:
            return Fault(_REFUSED_TYPES[name], detail, again=False)
        if name in _AGAIN_TYPES:
            return Fault(_AGAIN_TYPES[name], detail, again=True)
    return Fault("server", detail, again=True)


def _json(text: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _error_in(body: Any) -> _Error:  # noqa: ANN401 - JSON
    """Find the error in `{"error": {...}}`, `{"error": "..."}` or the fields themselves."""
    fields = _fields(body)
    error: Any = fields.get("error", body)
    if isinstance(error, str):
        return _Error(message=error)
    fields = _fields(error)
    return _Error(*(_text(fields.get(name)) for name in ("message", "type", "code")))


def _fields(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return str(value) if isinstance(value, str | int) else ""
