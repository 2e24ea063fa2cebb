from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import ContextOverflow, ModelRefused, ModelUnavailable
from a3s_code.llm.endpoint import Endpoint
from a3s_code.llm.faults import Fault, clean
from a3s_code.llm.refusals import of_object, of_status

KEY = "k-0123456789abcdef"
ENDPOINT = Endpoint("acme/big-1", "big-1", "http://h", KEY, headers=(("x-tenant", "tenant-77"),))


def body(message: str = "", kind: str = "", code: object = None) -> bytes:
    return json.dumps({"error": {"message": message, "type": kind, "code": code}}).encode()


@pytest.mark.parametrize(
    ("status", "answer", "kind", "again"),
    [
        (400, body("bad"), "bad_request", False),
        (400, body("maximum context length is 8192 tokens"), "context_length", False),
        (400, body("prompt is too long: 208310 tokens > 200000 maximum"), "context_length", False),
        (400, body("x", code="context_length_exceeded"), "context_length", False),
        (400, body("input length and `max_tokens` exceed context limit"), "context_length", False),
        (400, body("Your credit balance is too low"), "quota", False),
        (401, body("context window"), "auth", False),
        (402, b"", "quota", False),
        (403, body("no"), "permission", False),
        (404, b"<html>", "not_found", False),
        (413, b"", "too_large", False),
        (413, body("context window exceeded"), "context_length", False),
        (418, b"", "bad_request", False),
        (301, b"", "redirect", False),
        (307, b"", "redirect", False),
        (408, b"", "timeout", True),
        (409, b"", "server", True),
        (429, body("slow down"), "rate_limit", True),
        (429, body("You exceeded your current quota"), "quota", False),
        (500, b"", "server", True),
        (501, b"", "server", False),
        (503, body("context window"), "server", True),
        (522, b"<html>", "server", True),
        (529, body("Overloaded", "overloaded_error"), "overloaded", True),
        (500, b"\xff\xfe", "server", True),
        (400, b"[" * 100_000, "bad_request", False),
        (400, b'{"error": "plain words"}', "bad_request", False),
        (400, b'{"error": null}', "bad_request", False),
    ],
)
def test_a_status_means(status: int, answer: bytes, kind: str, *, again: bool) -> None:
    fault = of_status(status, answer, None)

    assert (fault.kind, fault.again, fault.status) == (kind, again, status)


@pytest.mark.parametrize(
    ("error", "kind", "again"),
    [
        ({"message": "overloaded", "type": "server_error", "code": 503}, "server", True),
        ({"message": "x", "code": "429"}, "rate_limit", True),
        ({"type": "overloaded_error", "message": "Overloaded"}, "overloaded", True),
        ({"type": "invalid_request_error", "message": "x"}, "bad_request", False),
        ({"type": "authentication_error"}, "auth", False),
        ({"type": "insufficient_quota"}, "quota", False),
        ({"message": "This model's maximum context length is 8k"}, "context_length", False),
        ("boom", "server", True),
        (None, "server", True),
        ([1], "server", True),
    ],
)
def test_an_error_object_in_a_stream_means(error: object, kind: str, *, again: bool) -> None:
    fault = of_object(error)

    assert (fault.kind, fault.again) == (kind, again)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault("auth", again=False), ModelRefused),
        (Fault("server", again=True), ModelUnavailable),
        (Fault("context_length", again=False), ContextOverflow),
    ],
)
def test_the_type_says_whether_another_try_can_help(fault: Fault, kind: type) -> None:
    assert type(fault.error(ENDPOINT, attempts=1)) is kind


def test_an_error_names_provider_model_status_and_what_to_do() -> None:
    error = of_status(401, body("Incorrect API key"), None).error(ENDPOINT, attempts=1)

    assert str(error) == (
        "acme/big-1: the API key was refused (HTTP 401): Incorrect API key "
        "(check the api_key of provider 'acme')"
    )


@pytest.mark.parametrize(
    "echo",
    [
        f"key {KEY} is wrong",
        f"Authorization: Bearer {KEY}",
        "Authorization: bearer eyJhbGciOi.J9-abc_def",
        "tenant-77 is unknown",
        "Incorrect API key provided: sk-proj-AbCdEf0123456789AbCdEf0123456789",
        "Incorrect API key provided: sk-proj-********6789",
    ],
)
def test_a_secret_that_the_server_echoes_is_not_repeated(echo: str) -> None:
    said = str(of_status(401, body(echo), None).error(ENDPOINT, attempts=1))

    assert "[redacted]" in said
    for secret in (KEY, "eyJhbGciOi", "tenant-77", "AbCdEf", "6789"):
        assert secret not in said


def test_a_long_page_is_cut_and_control_characters_do_not_reach_a_terminal() -> None:
    said = str(of_status(500, b"\x1b[31m" + b"page " * 10_000, None).error(ENDPOINT, attempts=4))

    assert len(said) < 700
    assert "\x1b" not in said


@given(st.text(), st.lists(st.text(min_size=6, max_size=20), max_size=3))
def test_cleaning_takes_any_text_and_gives_one_that_can_be_stored(
    text: str, secrets: list[str]
) -> None:
    assert len(clean(text, tuple(secrets)).encode("utf-8")) <= 4 * 501
