"""
YAML as texts, lists and mappings, and nothing else.

Read from the events of PyYAML's safe loaders, so that no value is constructed: a version `1.10`
stays what it is, no tag does anything, and what is not there cannot blow up. Anchors that are used
are refused, since they are what makes a short text long.

Imported when the first front matter is read.
"""

from __future__ import annotations

from typing import Any, TypeAlias, cast

import yaml

from a3s_code.errors import InvalidValue

Value: TypeAlias = "str | list[Value] | dict[str, Value]"

MAX_DEPTH = 20
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class NoYaml(Exception):
    """The text is not YAML; the message says why, with the line, counted from 1."""


def read_yaml(text: str) -> Value:
    """
    Read one document.

    Raises:
        NoYaml: it is none.
        InvalidValue: it uses an anchor, or is nested too deeply.
    """
    tree = _Tree()
    try:
        events = cast("Any", yaml.parse(text, Loader=_LOADER))
        for event in events:
            tree.take(event)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise NoYaml(f"line {line}: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise NoYaml(str(error).splitlines()[0]) from None
    return tree.root


class _Tree:
    """Grows from events. A mapping is a list of keys and values until it ends."""

    def __init__(self) -> None:
        self.root: Value = ""
        self._open: list[list[Value]] = []
        self._anchors: set[str] = set()

    def take(self, event: object) -> None:
        anchor = getattr(event, "anchor", None)
        match event:
            case yaml.AliasEvent():
                if anchor in self._anchors:
                    raise InvalidValue(f"It uses the anchor {anchor}.", hint="write it out")
                raise NoYaml(f"there is no anchor {anchor}")
            case yaml.ScalarEvent():
                self._add(_text(event))
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._enter()
            case yaml.SequenceEndEvent():
                self._add(self._open.pop())
            case yaml.MappingEndEvent():
                self._add(_mapping(self._open.pop()))
            case _:
                return
        if anchor is not None:
            self._anchors.add(anchor)

    def _enter(self) -> None:
        if len(self._open) == MAX_DEPTH:
            raise InvalidValue("It is nested too deeply.", hint=f"{MAX_DEPTH} levels are the most")
        self._open.append([])

    def _add(self, value: Value) -> None:
        if self._open:
            self._open[-1].append(value)
        else:
            self.root = value


def _text(event: Any) -> str:  # noqa: ANN401 - PyYAML's events have no types of their own
    is_nothing = event.implicit[0] and event.value in {"~", "null", "Null", "NULL"}
    return "" if is_nothing else event.value


def _mapping(parts: list[Value]) -> dict[str, Value]:
    """Put keys to values; of two values of one key the last one counts."""
    keys = (key if isinstance(key, str) else str(key) for key in parts[::2])
    return dict(zip(keys, parts[1::2], strict=True))
