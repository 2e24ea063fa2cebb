"""The engines that run programs: one of each language for all sessions of an agent."""

from __future__ import annotations

from a3s_code.errors import CapabilityMissing
from a3s_code.kernel.script import ScriptEngine, ScriptLanguage


class Scripts:
    """See `kernel.script.ScriptEngines`. An engine is brought in at its first program."""

    __slots__ = ("_engines",)

    def __init__(self) -> None:
        self._engines: dict[ScriptLanguage, ScriptEngine] = {}

    def of(self, language: ScriptLanguage) -> ScriptEngine:
        engine = self._engines.get(language)
        if engine is None:
            engine = self._engines[language] = _engine(language)
        return engine


def _engine(language: ScriptLanguage) -> ScriptEngine:
    """
    Raises:
        CapabilityMissing: what runs that language is not installed.
    """
    if language == "javascript":
        try:
            from a3s_code.script.quickjs import QuickJs
        except ImportError as error:
            text = f"JavaScript programs cannot run here: {error}."
            raise CapabilityMissing(text, hint="install quickjs-ng") from None
        return QuickJs()
    from a3s_code.script.monty import MontyEngine

    return MontyEngine()
