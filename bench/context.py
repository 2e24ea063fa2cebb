"""
What choosing the context of a request costs: medians and 95th percentiles, beside targets.

    python bench/context.py [--only WORD] [--json OUT]

Run it with `taskset -c 0` to have one core. Exit status: 1 when a target was missed.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from a3s_code import AsyncAgent, ToolIndex, ToolSearchConfig
from a3s_code.capabilities.tools import CORE_TOOLS
from a3s_code.harness.context import BALANCED, Budget, Offer, assemble
from a3s_code.harness.selector import Selection
from a3s_code.harness.tool_shelf import SharedSets
from a3s_code.kernel.context import ContextItem
from a3s_code.kernel.messages import Conversation, user
from a3s_code.kernel.tool import Tool
from a3s_code.testing import Scripted, says
from measure import Samples, Stopwatch, main, row

TOOLS, LINES, TURNS = 1_000, 300, 60
ITEMS, SOURCES, ITEM_CHARS = 1_000, 10, 1_000

_SERVED = (
    "airtable asana aws azure datadog docker figma gcp github grafana hubspot jira kafka linear "
    "notion postgres redis sentry slack stripe"
)
_SERVERS = _SERVED.split()
_DONE = (
    "create_issue delete_entry fetch_metrics get_status list_items query_table search_documents "
    "send_message update_record upload_file"
)
_ACTIONS = _DONE.split()
_FILTERS = ("date", "owner", "label", "region", "team", "customer", "invoice")
LINE = (
    "Look at the failing release of the billing cluster, list the open documents and invoices of "
    "the customer by owner, date and label, and create an issue for the team in {server}."
)


def _rows() -> list[tuple[str, str]]:
    """Give the names and descriptions of tools as servers have them."""
    rows: list[tuple[str, str]] = []
    for number in range(TOOLS):
        server = _SERVERS[number % len(_SERVERS)]
        action = _ACTIONS[number // len(_SERVERS) % len(_ACTIONS)]
        by = _FILTERS[number % len(_FILTERS)]
        said = f"{action.replace('_', ' ')} of {server} by {by} or {number}"
        rows.append((f"mcp__{server}__{action}_{number}", said))
    return rows


def _tools() -> list[Tool]:
    made = [replace(CORE_TOOLS[0], name=name, summary=said) for name, said in _rows()]
    return [*CORE_TOOLS, *made]


def _index() -> ToolIndex:
    index = ToolIndex(ToolSearchConfig())
    for name, said in _rows():
        index.add(name, said, said.split()[:2])
    return index


@row("search an index of 1,000 tools", target=2)
async def search(_directory: Path) -> Samples:
    index = _index()
    for number in range(LINES):
        query = LINE.format(server=_SERVERS[number % len(_SERVERS)])
        watch = Stopwatch()
        index.search(query)
        yield watch.lap()


@row("select among 1,000 tools of servers", target=2)
async def select(_directory: Path) -> Samples:
    tools, sets = _tools(), SharedSets()
    shelf = sets.shelf(tuple(tools), None)
    for number in range(LINES):
        selection = Selection(tools, sets=sets)
        asked = Conversation([user(LINE.format(server=_SERVERS[number % len(_SERVERS)]))])
        watch = Stopwatch()
        selection.of(asked)
        yield watch.lap()
    assert shelf is sets.shelf(tuple(tools), None)


@row("select among 1,000 tools of an index", target=2)
async def select_indexed(_directory: Path) -> Samples:
    selection, conversation = Selection(_tools(), _index()), Conversation([user("hello")])
    selection.of(conversation)
    for number in range(LINES):
        conversation.append(user(LINE.format(server=_SERVERS[number % len(_SERVERS)])))
        watch = Stopwatch()
        selection.of(conversation)
        yield watch.lap()


async def _turns(directory: Path, tools: list[Tool], index: ToolIndex | None) -> Samples:
    model = Scripted(default=says("ok"))
    agent = AsyncAgent('default_model = "scripted/model"')
    session = agent.session(directory.parent, llm_client=model, tools=tools, tool_index=index)
    await session.send("hello")
    for _ in range(TURNS):
        watch = Stopwatch()
        await session.send("and the next one, please")
        yield watch.lap()
    await agent.close()


@row("a turn with the core tools")
async def turn_core(directory: Path) -> Samples:
    async for sample in _turns(directory, [], None):
        yield sample


@row("a turn with 1,000 more in an index")
async def turn_many(directory: Path) -> Samples:
    own = [replace(CORE_TOOLS[0], name=f"own_{n}") for n in range(TOOLS)]
    index = ToolIndex()
    for tool in own:
        index.add(tool.name, tool.summary)
    async for sample in _turns(directory, own, index):
        yield sample


def _item(number: int) -> ContextItem:
    """Give about 1,000 characters that no other item has."""
    source, words = f"memory://{number}", f"what {number} is about, and what was done for it; "
    content = (words * ITEM_CHARS)[:ITEM_CHARS]
    return ContextItem(source=source, content=content, relevance=number * 37 % 101 / 100)


def _offers() -> list[Offer]:
    each = ITEMS // SOURCES
    starts = range(0, ITEMS, each)
    return [Offer(f"at {at}", [_item(number) for number in range(at, at + each)]) for at in starts]


async def _assembled(budget: Budget) -> Samples:
    offers = _offers()
    for _ in range(LINES // 3):
        watch = Stopwatch()
        found = assemble(offers, budget)
        yield watch.lap()
        assert found.items
        assert found.left_out or len(found.items) == ITEMS


@row("assemble 1,000 items of ten sources", target=5)
async def assembled(_directory: Path) -> Samples:
    async for sample in _assembled(BALANCED):
        yield sample


@row("assemble 1,000 items that all enter")
async def all_enter(_directory: Path) -> Samples:
    async for sample in _assembled(Budget(ITEMS, 10**6, ITEMS, 10**6)):
        yield sample


ROWS = (search, select, select_indexed, assembled, all_enter, turn_core, turn_many)

if __name__ == "__main__":
    sys.exit(main(__doc__, ROWS))
