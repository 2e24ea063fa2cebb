"""
Which groups of tools a text asks for: words, phrases and Chinese expressions.

The lists name the thing itself and what people call it. A word too many costs the description
of a tool; a word too few costs a detour through `bash`, so they lean to showing.

Source:
    A3S Code README 3.x, "Intent-gated tools"; SPEC 5.18. The lists are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

MAX_SCANNED_CHARS = 8_000
"""Of a text: half from its beginning, half from its end, where what is asked for stands."""

GROUPS = {
    "git": "git",
    "batch": "batch",
    "web_fetch": "web",
    "web_search": "web",
}
"""Built-in tools that are only shown when they are asked for, and their groups."""

MCP = "mcp"
"""The group of the tools of connected servers."""


class Terms(msgspec.Struct, frozen=True):
    """
    Attributes:
        words: Single words in lower case.
        phrases: Several words with one blank between them, and one at each end.
        parts: Stretches that count wherever they stand, also inside a word.
    """

    words: frozenset[str] = frozenset()
    phrases: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


def _terms(words: str, phrases: str, parts: str) -> Terms:
    padded = tuple(f" {phrase} " for phrase in _listed(phrases))
    return Terms(frozenset(words.split()), padded, _listed(parts))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(" ".join(part.split()) for part in text.split(","))


TERMS = {
    "git": _terms(
        """
        bisect blame branch branches checkout commit commits committed committing diff diffs git
        gitignore rebase rebased rebasing squash stash stashed uncommitted unstaged untracked
        worktree worktrees
        """,
        """
        cherry pick, merge conflict, merge conflicts, merge request, pull request, pull requests,
        release tag, revert the last, staged changes, version control, what changed,
        what has changed
        """,
        "提交, 分支, 暂存, 变基, 版本控制, 版本历史, 合并冲突, 代码差异, 工作树, 检出, "
        "仓库状态, 拉取请求",
    ),
    "web": _terms(
        """
        bing browse duckduckgo google googling internet online scrape url urls web webpage webpages
        website websites wikipedia www
        """,
        """
        current version of, fetch the page, home page, in the news, latest release, latest version,
        look it up, newest release, newest version, official documentation, recent news,
        release notes of, search for news
        """,
        "http://, https://, 网页, 网站, 网络搜索, 网上, 上网, 互联网, 联网, 在线查, 搜索引擎, "
        "链接, 网址, 最新版本, 最新消息, 百度, 谷歌, 新闻",
    ),
    "batch": _terms(
        "batch batched batches bulk concurrently simultaneously",
        """
        all at once, all of them at once, at the same time, in one call, in one go, in one step,
        in parallel, several calls at once
        """,
        "批量, 批处理, 并行, 同时执行, 同时运行, 一次性, 一起执行, 并发执行",
    ),
    MCP: _terms(
        "mcp plugin plugins",
        """
        connected server, connected servers, external server, external servers, external service,
        external tool, external tools, tool server, tool servers
        """,
        "外部工具, 外部服务, 插件, 工具服务器, 已连接的服务",
    ),
}

_WORD = re.compile(r"[a-z0-9]+")


def asked(text: str) -> Iterator[tuple[str, str]]:
    """Give each group that a text asks for, and the term which says so."""
    head = shortened(text).casefold()
    words = _WORD.findall(head)
    found, joined = frozenset(words), f" {' '.join(words)} "
    for group, terms in TERMS.items():
        term = _found(terms, found, joined, head)
        if term:
            yield group, term


def shortened(text: str) -> str:
    """Give what is looked at of a text."""
    if len(text) <= MAX_SCANNED_CHARS:
        return text
    half = MAX_SCANNED_CHARS // 2
    return f"{text[:half]} {text[-half:]}"


def _found(terms: Terms, words: frozenset[str], joined: str, text: str) -> str:
    single = terms.words & words
    if single:
        return min(single)
    for phrase in terms.phrases:
        if phrase in joined:
            return phrase.strip()
    return next((part for part in terms.parts if part in text), "")
