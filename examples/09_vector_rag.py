"""
Retrieval: what the workspace says about a question, found by words and by meaning.

    python 09_vector_rag.py [WORKSPACE]

Needs an `agent.acl` in the current directory, `OPENAI_API_KEY` and, for another server than
OpenAI's, `OPENAI_BASE_URL`; and numpy (`pip install 'a3s-code[vectors]'`).
"""

from __future__ import annotations

import asyncio
import os
import sys

from a3s_code import (
    AsyncAgent,
    InMemoryVectorStore,
    OpenAiEmbeddingProvider,
    VectorContextProvider,
)

QUESTION = "How long is the pause between two retries?"
HOUSE_RULES = "A pause between retries is never longer than one minute."


async def main() -> None:
    if not os.environ.get("OPENAI_API_KEY"):
        sys.exit(__doc__)
    workspace = sys.argv[1] if len(sys.argv) > 1 else "."
    embedding = OpenAiEmbeddingProvider(
        os.environ["OPENAI_API_KEY"],
        base_url=os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1"),
    )
    provider = VectorContextProvider(embedding, InMemoryVectorStore(), root=".", trust="host")
    async with AsyncAgent.create("agent.acl") as agent:
        await provider.index({"docs://house-rules": HOUSE_RULES})
        session = agent.session(workspace, fs_context=True, context_provider=provider)
        print("new parts:", await session.refresh_context())
        print((await session.send(QUESTION)).text)
        for record in session.run_events(session.runs()[-1]["id"]):
            if record["event"]["type"] == "context_resolved":
                print("items:", record["event"]["total_items"])
        for block in session.history()[0]["content"]:
            for item in block.get("items", ()):
                print(item["source"])
    await embedding.close()


if __name__ == "__main__":
    asyncio.run(main())
