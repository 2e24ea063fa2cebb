"""
What tests of programs with agents need: scripted models, in process and over HTTP, and
checks of what a port promises.

    from a3s_code import Agent
    from a3s_code.testing import Script, ScriptedServer, calls, says

    with ScriptedServer(Script(calls("ls"), says("Two files."))) as server:
        session = Agent.create(server.acl()).session("/my-project")
        assert session.send("What is here?").text == "Two files."

`Scripted` plays the same turns without a socket, as the option `llm_client`.
`VECTOR_STORE_CHECKS`, `EMBEDDING_CHECKS` and `CONTEXT_PROVIDER_CHECKS` are what those ports
promise, and `WordEmbedding` is an embedding without a model.
`STORE_CHECKS` are what every session store promises, and `MEDIUM_CHECKS` what one promises
that outlives its process; `store_conformance` and `medium_conformance` show their use.
`MEMORY_CHECKS` are what every memory store promises.
`CrashRig` kills an agent's process wherever that can matter; `crash` shows its use.
"""

from __future__ import annotations

from a3s_code.testing.crash import CrashRig
from a3s_code.testing.crash_report import CrashLife, CrashReport
from a3s_code.testing.crash_stage import CrashStage
from a3s_code.testing.crash_store import CrashingStore, CrashTally
from a3s_code.testing.embedding_conformance import (
    EMBEDDING_CHECKS,
    EmbeddingCheck,
    EmbeddingFactory,
)
from a3s_code.testing.medium_conformance import MEDIUM_CHECKS, Medium, MediumCheck
from a3s_code.testing.memory_conformance import MEMORY_CHECKS, MemoryCheck, MemoryFactory
from a3s_code.testing.provider_conformance import (
    CONTEXT_PROVIDER_CHECKS,
    Provided,
    ProviderCheck,
    ProviderFactory,
)
from a3s_code.testing.script import Asked, Pattern, Playback, Rule, Script, When, on
from a3s_code.testing.scripted import Scripted
from a3s_code.testing.server import Request, ScriptedServer
from a3s_code.testing.store_bench import StoreCheck, StoreFactory
from a3s_code.testing.store_conformance import STORE_CHECKS
from a3s_code.testing.turn import (
    ONLY_TOOL,
    Call,
    Fault,
    Refusal,
    Turn,
    breaks,
    calls,
    calls_text,
    overflows,
    refuses,
    says,
)
from a3s_code.testing.vector_store_conformance import (
    VECTOR_STORE_CHECKS,
    VectorStoreCheck,
    VectorStoreFactory,
)
from a3s_code.testing.word_vectors import WordEmbedding, word_vector

__all__ = [
    "CONTEXT_PROVIDER_CHECKS",
    "EMBEDDING_CHECKS",
    "MEDIUM_CHECKS",
    "MEMORY_CHECKS",
    "ONLY_TOOL",
    "STORE_CHECKS",
    "VECTOR_STORE_CHECKS",
    "Asked",
    "Call",
    "CrashLife",
    "CrashReport",
    "CrashRig",
    "CrashStage",
    "CrashTally",
    "CrashingStore",
    "EmbeddingCheck",
    "EmbeddingFactory",
    "Fault",
    "Medium",
    "MediumCheck",
    "MemoryCheck",
    "MemoryFactory",
    "Pattern",
    "Playback",
    "Provided",
    "ProviderCheck",
    "ProviderFactory",
    "Refusal",
    "Request",
    "Rule",
    "Script",
    "Scripted",
    "ScriptedServer",
    "StoreCheck",
    "StoreFactory",
    "Turn",
    "VectorStoreCheck",
    "VectorStoreFactory",
    "When",
    "WordEmbedding",
    "breaks",
    "calls",
    "calls_text",
    "on",
    "overflows",
    "refuses",
    "says",
    "word_vector",
]
