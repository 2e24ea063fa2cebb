"""
The skills that there are, by their names.

A registry may stand on others, whose skills it has as well; of two of one name the upper one's
counts, and of two registries below the later one's. What is registered in any of them is seen at
once, from any thread.

Source:
    SPEC 10; A3S Code README, `with_skill_registry`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from a3s_code.capabilities.skills.ranking import SkillIndex
from a3s_code.capabilities.skills.scorer import DefaultSkillScorer, SkillScorer
from a3s_code.capabilities.skills.skill import Skill, check_skill
from a3s_code.capabilities.skills.validator import DefaultSkillValidator, SkillValidator
from a3s_code.errors import InvalidType

_Layers = tuple[Mapping[str, Skill], ...]


class SkillRegistry:
    """
    Skills by name. Made by a host for the option `skill_registry`, and by every session.

    Args:
        validator: Asked by `register`, and about the skills of the session's directories. By
            default `register` asks a strict one, and files are held only to what is dangerous;
            see `DefaultSkillValidator`.
        scorer: Says which skills a search leaves out.
        below: Registries whose skills this one has, too.

    Attributes:
        has_own_scorer: One was given.

    Raises:
        InvalidType: the validator or the scorer is none.
    """

    __slots__ = (
        "_below",
        "_index",
        "_own",
        "has_own_scorer",
        "public_validator",
        "scorer",
        "validator",
    )

    def __init__(
        self,
        *,
        validator: SkillValidator | None = None,
        scorer: SkillScorer | None = None,
        below: Sequence[SkillRegistry] = (),
    ) -> None:
        _check_port("validator", validator, "validate")
        _check_port("scorer", scorer, "record", "should_disable")
        self.validator: SkillValidator = validator or DefaultSkillValidator()
        self.public_validator = validator or DefaultSkillValidator(is_public=True)
        self.scorer: SkillScorer = scorer or DefaultSkillScorer()
        self.has_own_scorer = scorer is not None
        self._below = tuple(below)
        self._own: dict[str, Skill] = {}  # never changed, always replaced: threads read it
        self._index: tuple[_Layers, SkillIndex] | None = None

    def register(self, skill: Skill) -> None:
        """
        Add a skill, or put it in the place of the one of its name.

        Raises:
            InvalidType, InvalidValue: it is no skill, or one of its values is none.
            SkillRefused: the validator does not accept it; its `kind` says why.
        """
        check_skill(skill)
        self.validator.validate(skill)
        self.register_unchecked(skill)

    def register_unchecked(self, *skills: Skill) -> None:
        """Add skills that the host answers for, without asking the validator."""
        own = dict(self._own)
        for skill in skills:
            own.pop(skill.name, None)
            own[skill.name] = skill
        self._own = own

    def unregister(self, name: str) -> bool:
        """Forget a skill of this registry; False when it has none of this name."""
        known = name in self._own
        self._own = {other: skill for other, skill in self._own.items() if other != name}
        return known

    def get(self, name: str) -> Skill | None:
        """Find a skill by its name; in another case when there is none in this one."""
        layers = self.layers()
        for layer in reversed(layers):
            if name in layer:
                return layer[name]
        folded = name.casefold().strip()
        found = [each for each in self.all() if each.name.casefold() == folded]
        return found[-1] if found else None

    def holds(self, skill: Skill) -> bool:
        """Whether it is this skill that the registry has by its name, and no other one."""
        return self.get(skill.name) is skill

    def all(self) -> tuple[Skill, ...]:
        """List the skills in the order in which they were registered, lower registries first."""
        return tuple(_merged(self.layers()).values())

    def search(self, query: str, limit: int = 5, *, for_model: bool = False) -> list[Skill]:
        """
        Find the skills that fit `query`, the best first; those that the scorer disables left out.

        Args:
            for_model: Leave out those with `disable-model-invocation`.
        """
        fitting = (
            skill
            for skill in self._indexed().ranked(query)
            if not (for_model and skill.disable_model_invocation)
            and not self.scorer.should_disable(skill.name)
        )
        return [skill for _, skill in zip(range(limit), fitting, strict=False)]

    def persona(self) -> Skill | None:
        """Give the persona that takes the role: the last one that was registered (SPEC 1.8)."""
        return next((each for each in reversed(self.all()) if each.kind == "persona"), None)

    def layers(self) -> tuple[Mapping[str, Skill], ...]:
        """Give what each registry holds by itself, the lowest first; none of it ever changes."""
        return (*(layer for lower in self._below for layer in lower.layers()), self._own)

    def _indexed(self) -> SkillIndex:
        layers, known = self.layers(), self._index
        if known is not None and _same(known[0], layers):
            return known[1]
        index = SkillIndex(_merged(layers).values())
        self._index = layers, index
        return index


def _check_port(name: str, given: object, *methods: str) -> None:
    absent = [method for method in methods if not callable(getattr(given, method, None))]
    if given is not None and (absent or isinstance(given, type)):
        what = f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__
        raise InvalidType(
            f"{name} of a SkillRegistry is {what}, not an object with {', '.join(methods)}.",
            hint="see docs/extension-points.md for its port",
        )


def _merged(layers: _Layers) -> dict[str, Skill]:
    """Lay them over each other; what replaces another one comes later, as it was registered."""
    merged: dict[str, Skill] = {}
    for layer in layers:
        for name, skill in layer.items():
            merged.pop(name, None)
            merged[name] = skill
    return merged


def _same(before: _Layers, now: _Layers) -> bool:
    return len(before) == len(now) and all(a is b for a, b in zip(before, now, strict=True))
