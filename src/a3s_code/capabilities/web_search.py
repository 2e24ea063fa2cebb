"""
What a web search is told: one search, the engines, their health, and the browser.

Times are seconds, as the documents have them.

Source:
    SPEC 1.7; A3S Code README, "Search".
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field

from a3s_code.checks import check_limits, check_list, check_positive
from a3s_code.errors import InvalidType, InvalidValue

FORMATS = ("text", "json")


@dataclass(frozen=True, slots=True)
class WebSearchParams:
    """
    One web search. None leaves the configuration in force.

    Attributes:
        engines: Names of the engines to ask.
        limit: Results at most.
        timeout: Seconds.
        proxy: Address that requests go through; may hold a password, so it is not shown.
        format: `text` or `json`.

    Raises:
        InvalidValue: the query is empty, a number is not positive, or there is no such format.
    """

    query: str
    engines: Sequence[str] | None = None
    limit: int | None = None
    timeout: int | None = None
    proxy: str | None = field(default=None, repr=False)
    format: str | None = None

    def __post_init__(self) -> None:
        if not self.query.strip():
            raise InvalidValue("The query of a web search is empty.", hint="say what to look for")
        check_list("engines", self.engines)
        check_limits("a web search", limit=self.limit, timeout=self.timeout)
        if self.format is not None and self.format not in FORMATS:
            raise InvalidValue(
                f"{self.format!r} is no format of a web search.",
                hint=f"use {' or '.join(FORMATS)}",
            )


@dataclass(slots=True)
class SearchEngineConfig:
    """
    One engine of web searches.

    Attributes:
        weight: Factor of this engine's results in the ranking.
        timeout: Seconds; None = that of the search.

    Raises:
        InvalidValue: `weight` is negative, or `timeout` is not positive.
    """

    enabled: bool = True
    weight: float = 1.0
    timeout: int | None = None

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise InvalidValue(f"weight is {self.weight}.", hint="give a number from 0")
        check_limits("a search engine", timeout=self.timeout)


@dataclass(slots=True)
class SearchHealthConfig:
    """
    An engine that failed `max_failures` times in a row rests for `suspend_seconds`.

    Raises:
        InvalidValue: `max_failures` is not positive, or `suspend_seconds` is negative.
    """

    max_failures: int = 3
    suspend_seconds: int = 60

    def __post_init__(self) -> None:
        check_positive("max_failures", self.max_failures)
        if self.suspend_seconds < 0:
            raise InvalidValue(
                f"suspend_seconds is {self.suspend_seconds}.", hint="give a number from 0"
            )


class BrowserBackend(enum.IntEnum):
    """A browser without a window that renders pages of engines which need one."""

    Chrome = 0
    Lightpanda = 1

    def __repr__(self) -> str:
        return f"BrowserBackend.{self.name}"

    __str__ = __repr__


@dataclass(slots=True)
class HeadlessConfig:
    """
    The browser of a search. None leaves the browser's own default.

    Attributes:
        browser_path: Its program.
        max_tabs: Pages open at once.
        launch_args: Added to its command line.
        proxy_url: Address that it goes through; may hold a password, so it is not shown.

    Raises:
        InvalidValue: `max_tabs` is not positive.
        InvalidType: `backend` is no `BrowserBackend`, or `launch_args` is a single text.
    """

    backend: BrowserBackend
    browser_path: str | None = None
    max_tabs: int | None = None
    launch_args: Sequence[str] | None = None
    proxy_url: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.backend, BrowserBackend):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
            raise InvalidType(
                f"{self.backend!r} is no browser.",
                hint="use BrowserBackend.Chrome or BrowserBackend.Lightpanda",
            )
        check_list("launch_args", self.launch_args)
        check_limits("a browser", max_tabs=self.max_tabs)


@dataclass(slots=True)
class SearchConfig:
    """
    How web searches are made, for the option `search_config`.

    Attributes:
        timeout: Seconds for one search.

    Raises:
        InvalidValue: `timeout` is not positive.
    """

    timeout: int = 10
    health: SearchHealthConfig | None = None
    headless: HeadlessConfig | None = None
    _engines: dict[str, SearchEngineConfig] = field(
        default_factory=dict[str, SearchEngineConfig], init=False
    )

    def __post_init__(self) -> None:
        check_positive("timeout", self.timeout)

    def set_engine(self, name: str, config: SearchEngineConfig) -> None:
        """
        Configure the engine `name`, in place of what was said of it before.

        Raises:
            InvalidValue: the name is empty.
        """
        if not name:
            raise InvalidValue("The name of a search engine is empty.", hint="name the engine")
        self._engines[name] = config

    def get_engine(self, name: str) -> SearchEngineConfig | None:
        """Give what was said of the engine `name`; None when nothing was."""
        return self._engines.get(name)

    def engine_names(self) -> list[str]:
        """Give the engines that were configured, in that order."""
        return list(self._engines)
