from __future__ import annotations

from typing import Any

import pytest

from a3s_code.capabilities.web_search import (
    BrowserBackend,
    HeadlessConfig,
    SearchConfig,
    SearchEngineConfig,
    SearchHealthConfig,
    WebSearchParams,
)
from a3s_code.errors import InvalidType, InvalidValue


def test_a_search_holds_its_arguments() -> None:
    params = WebSearchParams("q", ["ddg"], 3, 5, "http://u:pw@proxy", "json")

    assert (params.query, params.engines, params.limit) == ("q", ["ddg"], 3)
    assert (params.timeout, params.proxy, params.format) == (5, "http://u:pw@proxy", "json")
    assert "pw" not in repr(params)


@pytest.mark.parametrize(
    "wrong",
    [{"query": " "}, {"limit": 0}, {"timeout": -1}, {"format": "xml"}, {"format": ""}],
)
def test_a_search_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        WebSearchParams(**{"query": "q", **wrong})


def test_the_engines_of_a_search_are_a_list() -> None:
    with pytest.raises(InvalidType):
        WebSearchParams("q", "ddg")


def test_the_defaults_are_those_of_the_documents() -> None:
    assert SearchConfig().timeout == 10
    assert SearchHealthConfig() == SearchHealthConfig(3, 60)
    assert SearchEngineConfig() == SearchEngineConfig(True, 1.0, None)


def test_engines_are_kept_by_name_in_order() -> None:
    config = SearchConfig(timeout=5)
    config.set_engine("wiki", SearchEngineConfig(weight=1.2))
    config.set_engine("ddg", SearchEngineConfig())
    config.set_engine("wiki", SearchEngineConfig(enabled=False))
    wiki = config.get_engine("wiki")

    assert config.engine_names() == ["wiki", "ddg"]
    assert wiki is not None
    assert not wiki.enabled
    assert config.get_engine("bing") is None
    assert SearchConfig().engine_names() == []


def test_an_engine_has_a_name() -> None:
    with pytest.raises(InvalidValue):
        SearchConfig().set_engine("", SearchEngineConfig())


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: SearchConfig(timeout=0),
        lambda: SearchEngineConfig(weight=-1.0),
        lambda: SearchEngineConfig(weight=float("nan")),
        lambda: SearchEngineConfig(timeout=0),
        lambda: SearchHealthConfig(max_failures=0),
        lambda: SearchHealthConfig(suspend_seconds=-1),
        lambda: HeadlessConfig(BrowserBackend.Chrome, max_tabs=0),
    ],
)
def test_numbers_outside_of_their_range_are_refused(wrong: Any) -> None:
    with pytest.raises(InvalidValue):
        wrong()


def test_a_browser_is_one_of_two_and_compares_as_a_number() -> None:
    assert repr(BrowserBackend.Chrome) == "BrowserBackend.Chrome"
    assert [int(each) for each in BrowserBackend] == [0, 1]
    assert BrowserBackend.Chrome < BrowserBackend.Lightpanda


def test_a_headless_browser_holds_its_arguments_and_hides_its_proxy() -> None:
    browser = HeadlessConfig(BrowserBackend.Lightpanda, "/bin/l", 2, ["-q"], "http://u:pw@p")

    assert (browser.browser_path, browser.max_tabs, browser.launch_args) == ("/bin/l", 2, ["-q"])
    assert browser.proxy_url == "http://u:pw@p"
    assert "pw" not in repr(SearchConfig(headless=browser))


@pytest.mark.parametrize("backend", ["chrome", 0, None])
def test_a_browser_of_another_kind_is_refused(backend: Any) -> None:
    with pytest.raises(InvalidType, match=r"BrowserBackend\.Chrome"):
        HeadlessConfig(backend)
