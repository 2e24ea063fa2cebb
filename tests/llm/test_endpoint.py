from __future__ import annotations

import pytest

from a3s_code.errors import InvalidValue
from a3s_code.llm.endpoint import Endpoint


def at(base_url: str) -> Endpoint:
    return Endpoint("p/m", "m", base_url, api_key="sk-secret-1")


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("http://h", "http://h/v1/messages"),
        ("http://h/", "http://h/v1/messages"),
        ("http://h/v1", "http://h/v1/messages"),
        ("http://h/v1/", "http://h/v1/messages"),
        ("http://h/v1/messages", "http://h/v1/messages"),
        ("http://h:8080/proxy", "http://h:8080/proxy/v1/messages"),
        ("https://h/api/paas/v4", "https://h/api/paas/v4/messages"),
        ("https://h/v1beta/openai/", "https://h/v1beta/openai/messages"),
        ("https://h/v1?api-version=3", "https://h/v1/messages?api-version=3"),
        ("http://[::1]:99/v1", "http://[::1]:99/v1/messages"),
    ],
)
def test_a_version_segment_is_added_once(base_url: str, url: str) -> None:
    assert at(base_url).url("messages") == url


@pytest.mark.parametrize(
    "base_url",
    ["", "h", "ftp://h", "http://", "http:///v1", "http://a b/", "http://h:x/", "http://h:99999/"],
)
def test_an_address_that_is_none_is_refused(base_url: str) -> None:
    with pytest.raises(InvalidValue, match="base_url of p/m"):
        at(base_url)


def test_credentials_in_the_address_are_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidValue) as caught:
        at("http://user:hunter22@h/v1")

    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"api_key": "sk-secret-1\n"},
        {"api_key": "sk-secret-\u00e9"},
        {"headers": (("x-team", "sk-secret-1\r\nx: y"),)},
        {"headers": (("x team", "sk-secret-1"),)},
        {"session_id_header": "x:y"},
    ],
)
def test_what_no_header_can_carry_is_refused_without_showing_it(fields: dict[str, str]) -> None:
    with pytest.raises(InvalidValue) as caught:
        Endpoint("p/m", "m", "http://h", **fields)

    assert "sk-secret" not in str(caught.value)


def test_secrets_are_not_in_the_repr() -> None:
    endpoint = Endpoint("p/m", "m", "http://h", "sk-secret-1", headers=(("x-a", "token-22"),))

    assert "secret" not in repr(endpoint)
    assert "token-22" not in repr(endpoint)
    assert endpoint.secrets == ("sk-secret-1", "token-22")
