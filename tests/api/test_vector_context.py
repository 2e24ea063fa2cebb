"""Finding by meaning in sessions: the embedding server is scripted, all else is real."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from a3s_code import (
    AsyncAgent,
    AsyncSession,
    DefaultSecurityProvider,
    InMemoryVectorStore,
    InvalidValue,
    OpenAiEmbeddingProvider,
    PermissionPolicy,
    VectorContextProvider,
)
from a3s_code.capabilities.retrieval import vector_context
from a3s_code.capabilities.retrieval.vector_context import MAX_QUESTION_CHARS
from a3s_code.kernel.messages import JsonObject
from a3s_code.testing import Script, ScriptedServer, WordEmbedding, refuses, says

BACKOFF = "Pauses between retries are doubled after every failure.\n"
COOKING = "Boil the potatoes with salt until they are soft.\n"
QUESTION = "How long are pauses between retries?"


class Shop:
    """A workspace, a server for both models and embeddings, and an agent."""

    def __init__(self, root: Path, server: ScriptedServer) -> None:
        self.root, self.server = root, server
        self.agent = AsyncAgent(server.acl())
        self.embedding = OpenAiEmbeddingProvider("sk-scripted", base_url=server.base_url)

    def put(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def provider(self, root: str | None = ".", **more: float) -> VectorContextProvider:
        return VectorContextProvider(self.embedding, InMemoryVectorStore(), root, **more)  # type: ignore[arg-type]

    def embedded(self) -> list[list[str]]:
        """Give the texts of every request for embeddings."""
        paths = [each for each in self.server.requests if each.path.endswith("/embeddings")]
        return [each.body["input"] for each in paths]

    def told(self) -> str:
        chats = [each for each in self.server.requests if each.path.endswith("/chat/completions")]
        return str(chats[-1].body["messages"])

    async def close(self) -> None:
        await self.agent.close()
        await self.embedding.close()


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    (tmp_path / "ws").mkdir()
    with ScriptedServer(Script(default=says("Well."))) as server:
        made = Shop(tmp_path / "ws", server)
        yield made
        await made.close()


def left_out(session: AsyncSession) -> list[JsonObject]:
    events = [record["event"] for record in session.run_events(session.runs()[-1]["id"])]
    return [each for each in events if each["type"] == "context_resolved"][-1]["left_out"]


async def test_files_of_the_same_meaning_stand_in_front_of_the_prompt(shop: Shop) -> None:
    shop.put("net/backoff.md", BACKOFF)
    shop.put("kitchen.md", COOKING)
    session = shop.agent.session(shop.root, context_provider=shop.provider())
    await session.send(QUESTION)

    assert 'source="file://net/backoff.md#L1-L2" trust="workspace"' in shop.told()
    assert "doubled after every failure" in shop.told()
    assert "potatoes" not in shop.told()


async def test_only_what_changed_is_embedded_again(shop: Shop) -> None:
    shop.put("net/backoff.md", BACKOFF)
    shop.put("kitchen.md", COOKING)
    session = shop.agent.session(shop.root, context_provider=shop.provider())
    await session.send(QUESTION)
    shop.put("kitchen.md", "Roast the onions.\n")
    (shop.root / "net/backoff.md").rename(shop.root / "moved.md")
    await session.send(QUESTION)
    await session.send(QUESTION)

    assert shop.embedded() == [
        [COOKING, BACKOFF],
        [QUESTION],
        ["Roast the onions.\n", BACKOFF],
        [QUESTION],
        [QUESTION],
    ]
    assert "file://moved.md" in shop.told()


async def test_files_that_are_too_many_are_named_among_what_is_left_out(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_context, "MAX_FILES", 1)
    shop.put("a.md", BACKOFF)
    shop.put("b.md", COOKING)
    session = shop.agent.session(shop.root, context_provider=shop.provider())
    await session.send(QUESTION)

    assert shop.embedded() == [[BACKOFF], [QUESTION]]
    assert [(left["source"], left["why"]) for left in left_out(session)] == [
        ("vectors", "1 files beyond the first 1 are not looked at")
    ]


async def test_a_line_at_the_top_moves_the_others_and_embeds_none_of_them(shop: Shop) -> None:
    paragraphs = [f"{BACKOFF}{'filler text. ' * 100}{number}\n" for number in range(3)]
    shop.put("backoff.md", "\n".join(paragraphs))
    provider = shop.provider(min_relevance=0.1)
    session = shop.agent.session(shop.root, context_provider=provider)
    await session.refresh_context()
    shop.put("backoff.md", f"# Title\n{'x' * 1_490}\n\n" + "\n".join(paragraphs))

    assert await session.refresh_context() == 1
    await session.send(QUESTION)
    assert "file://backoff.md#L4-L" in shop.told()


async def test_the_host_can_index_before_the_first_prompt(shop: Shop) -> None:
    for number in range(70):
        shop.put(f"{number}.md", f"{BACKOFF}Number {number}.\n")
    session = shop.agent.session(shop.root, context_provider=shop.provider())

    assert await session.refresh_context() == 70
    assert await session.refresh_context() == 0
    assert list(map(len, shop.embedded())) == [64, 6]


async def test_texts_of_the_host_are_found_under_their_names(shop: Shop) -> None:
    provider = VectorContextProvider(shop.embedding, InMemoryVectorStore(), trust="host")
    assert await provider.index({"docs://net": BACKOFF, "docs://kitchen": COOKING}) == 2
    assert await provider.index({"docs://net": BACKOFF}) == 0
    session = shop.agent.session(shop.root, context_provider=provider)
    await session.send(QUESTION)

    assert 'source="docs://net#L1-L2" trust="host"' in shop.told()
    assert "potatoes" not in shop.told()


async def test_what_a_text_was_before_is_not_found_any_more(shop: Shop) -> None:
    provider = shop.provider(None)
    await provider.index({"docs://net": BACKOFF})
    await provider.index({"docs://net": COOKING})
    session = shop.agent.session(shop.root, context_provider=provider)
    await session.send(QUESTION)

    assert "<context" not in shop.told()


async def test_what_the_model_may_not_read_is_neither_embedded_nor_shown(shop: Shop) -> None:
    shop.put("private/backoff.md", BACKOFF)
    policy = PermissionPolicy(allow=["*"], deny=["read(private/**)"])
    session = shop.agent.session(
        shop.root, context_provider=shop.provider(), permission_policy=policy
    )
    await session.send(QUESTION)

    assert shop.embedded() == []
    assert "doubled" not in shop.told()


async def test_a_session_is_shown_nothing_that_only_another_one_may_read(shop: Shop) -> None:
    shop.put("private/backoff.md", BACKOFF)
    shared = shop.provider()
    open_session = shop.agent.session(shop.root, context_provider=shared)
    await open_session.send(QUESTION)
    assert "doubled" in shop.told()
    policy = PermissionPolicy(allow=["*"], deny=["read(private/**)"])
    session = shop.agent.session(shop.root, context_provider=shared, permission_policy=policy)
    await session.send(QUESTION)
    assert "doubled" not in shop.told()
    await open_session.send("And once more: " + QUESTION)

    assert "doubled" in shop.told()


async def test_a_session_is_shown_no_file_of_another_workspace(shop: Shop) -> None:
    shop.put("one/backoff.md", BACKOFF)
    shop.put("two/kitchen.md", COOKING)
    shared = shop.provider()
    one = shop.agent.session(shop.root / "one", context_provider=shared)
    await one.send(QUESTION)
    two = shop.agent.session(shop.root / "two", context_provider=shared)
    await two.send(QUESTION)

    assert "doubled" not in shop.told()


async def test_secrets_are_sent_to_no_embedding_server(shop: Shop) -> None:
    secret = "sk-ant-api03-" + "Ab3" * 20
    shop.put("backoff.md", f"{BACKOFF}api_key = {secret!r}\n")
    session = shop.agent.session(
        shop.root, context_provider=shop.provider(), security_provider=DefaultSecurityProvider()
    )
    await session.send(f"{QUESTION} My key is {secret}")

    assert shop.embedded()
    assert secret not in str([each.body for each in shop.server.requests])


async def test_a_secret_where_a_long_question_is_cut_is_not_sent_by_half(shop: Shop) -> None:
    secret = "sk-ant-api03-" + "Ab3" * 20
    shop.put("backoff.md", BACKOFF)
    session = shop.agent.session(
        shop.root, context_provider=shop.provider(), security_provider=DefaultSecurityProvider()
    )
    begin = QUESTION.ljust(MAX_QUESTION_CHARS - 30, "?")
    await session.send(f"{begin} {secret}")

    assert shop.embedded()
    assert "Ab3" not in str(shop.embedded())


async def test_tokens_of_embeddings_are_recorded_under_their_model(shop: Shop) -> None:
    shop.put("backoff.md", BACKOFF)
    session = shop.agent.session(shop.root, context_provider=shop.provider())
    await session.send(QUESTION)
    engine = session._engine
    assert engine is not None
    tokens = sum(len(text) // 4 + 1 for batch in shop.embedded() for text in batch)

    spent = engine.log.state.spent
    assert spent["text-embedding-3-small"].prompt_tokens == tokens
    assert spent["openai/m1"].prompt_tokens == 10


async def test_a_server_that_refuses_costs_the_context_and_not_the_run(shop: Shop) -> None:
    shop.put("backoff.md", BACKOFF)
    shop.server.trouble_embeddings(refuses(401))
    session = shop.agent.session(shop.root, context_provider=shop.provider())
    result = await session.send(QUESTION)

    assert result.text == "Well."
    ((left),) = left_out(session)
    assert left["source"] == "vectors"
    assert "the API key was refused (HTTP 401)" in left["why"]
    assert "sk-scripted" not in str(left)


async def test_what_came_before_the_deadline_is_kept_for_the_next_run(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("a3s_code.harness.context.SOURCE_DEADLINE_S", 1.5)
    for number in range(70):
        shop.put(f"{number}.md", f"{BACKOFF}Number {number}.\n")
    shop.server.trouble_embeddings(says(), says(delay_s=30))
    session = shop.agent.session(shop.root, context_provider=shop.provider())
    await session.send(QUESTION)
    assert "did not answer within" in left_out(session)[0]["why"]
    await session.send(QUESTION)

    assert list(map(len, shop.embedded())) == [64, 6, 6, 1]
    assert "doubled" in shop.told()


async def test_only_what_is_near_enough_is_shown(shop: Shop) -> None:
    shop.put("backoff.md", BACKOFF)
    session = shop.agent.session(shop.root, context_provider=shop.provider(min_relevance=0.99))
    await session.send(QUESTION)

    assert "<context" not in shop.told()


async def test_a_model_that_does_not_fit_the_store_is_named(shop: Shop) -> None:
    store = InMemoryVectorStore()
    await VectorContextProvider(WordEmbedding(8), store).index({"docs://net": BACKOFF})
    shop.put("backoff.md", BACKOFF)
    provider = VectorContextProvider(shop.embedding, store, ".")
    session = shop.agent.session(shop.root, context_provider=provider)
    await session.send(QUESTION)

    assert "1536 dimensions, those of the store 8" in left_out(session)[0]["why"]


class ShortEmbedding:
    """Gives a vector too few."""

    dimensions, model = 8, "short"

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return [[1.0] * 8 for _ in texts[1:]]


async def test_an_embedding_that_loses_texts_is_found_out() -> None:
    provider = VectorContextProvider(ShortEmbedding(), InMemoryVectorStore())

    with pytest.raises(InvalidValue, match="short gave 0 vectors for 1 texts"):
        await provider.index({"docs://net": BACKOFF})


async def test_a_root_outside_of_the_workspace_is_refused_at_once(shop: Shop) -> None:
    with pytest.raises(InvalidValue, match="root of the context_provider 'vectors'"):
        shop.agent.session(shop.root, context_provider=shop.provider("../"))


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"min_relevance": 2.0}, "min_relevance"),
        ({"max_results": 0}, "max_results"),
        ({"trust": "absolute"}, "trust is 'absolute'"),
        ({"embedding": object()}, "cannot embed"),
        ({"store": object()}, "no VectorStore"),
        ({"root": ""}, "root"),
    ],
)
def test_wrong_arguments_are_refused(wrong: JsonObject, what: str) -> None:
    right = {"embedding": WordEmbedding(), "store": InMemoryVectorStore()}
    with pytest.raises((ValueError, TypeError), match=what):
        VectorContextProvider(**{**right, **wrong})


async def test_texts_have_sources() -> None:
    provider = VectorContextProvider(WordEmbedding(), InMemoryVectorStore())
    with pytest.raises(TypeError, match=r"give \{source: text\}"):
        await provider.index("docs")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="the text of docs://net"):
        await provider.index({"docs://net": 3})  # type: ignore[dict-item]
