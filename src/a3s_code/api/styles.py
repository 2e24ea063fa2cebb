"""
The style of a run: what says it, what the record has of it, and what the model is shown.

The option wins; then what a planner read out of the words of the user, where one was asked; else
these words are looked at, and nothing is asked. No text that is not the user's own counts: no
file, no memory, no result, no prompt of a child.

Source:
    SPEC 1.8.
"""

from __future__ import annotations

from dataclasses import dataclass

from a3s_code.api.behaviour import Behaviour
from a3s_code.harness.hooks.event_names import INTENT_DETECTION
from a3s_code.harness.hooks.run_hooks import RunHooks
from a3s_code.harness.intent.detection import detected
from a3s_code.harness.intent.guidance import Guidance
from a3s_code.harness.intent.styles import GENERAL, Style, style_named
from a3s_code.kernel.events import AgentModeChanged
from a3s_code.kernel.log import Log
from a3s_code.kernel.ports import Sink


@dataclass(frozen=True, slots=True)
class Chosen:
    """
    Attributes:
        source: `option`, `analysis` or `words`.
        term: Of the words, what said it; empty where nothing did.
    """

    style: Style
    confidence: str
    source: str
    term: str = ""

    @property
    def why(self) -> str:
        """What said it, for a receipt."""
        match self.source:
            case "option":
                return "the option agent_style says so"
            case "analysis":
                return "the analysis of the prompt says so"
            case _:
                return f"the prompt says: {self.term}"


def chosen(behaviour: Behaviour, prompt: str, intent: str = "") -> Chosen:
    """
    Choose the style of a run.

    Args:
        prompt: The words of the user, and nothing else.
        intent: What an analysis of these words calls what they are about; one that names no
            style says nothing.
    """
    if behaviour.style is not None:
        return Chosen(behaviour.style, "high", "option")
    said = style_named(intent) if intent else None
    if said is not None:
        return Chosen(said, "high", "analysis")
    found = detected(prompt)
    return Chosen(found.style, found.confidence, "words", found.term)


async def take_style(
    log: Log,
    behaviour: Behaviour,
    hooks: RunHooks,
    sink: Sink,
    intent: str = "",
) -> Guidance | None:
    """
    Choose the style of a run, and tell of it.

    Args:
        hooks: Of the run; they know its prompt.
        intent: As of `chosen`.

    Returns:
        What the model is to be shown; None for the general style.
    """
    choice = chosen(behaviour, hooks.prompt, intent)
    style = choice.style
    if style.agent != (log.state.style or GENERAL.agent):
        sink.emit(
            AgentModeChanged(mode=style.mode, agent=style.agent, description=style.description)
        )
    await hooks.session.tell(INTENT_DETECTION, _payload(hooks.prompt, choice), sink)
    return None if style is GENERAL else Guidance(style, choice.why)


def _payload(prompt: str, choice: Chosen) -> dict[str, str]:
    return {
        "prompt": prompt,
        "intent": choice.style.mode,
        "agent": choice.style.agent,
        "confidence": choice.confidence,
        "source": choice.source,
    }
