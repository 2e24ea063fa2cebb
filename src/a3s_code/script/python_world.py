"""
What a Python script finds in its world: `ctx`, with the functions that it was given as methods.

The text is Python of the sandbox's own. Arguments and answers cross as JSON texts, so that no
object of either side is ever seen by the other.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

HOST = "_a3s_call"
"""The one function that leads out: name and arguments as JSON in, the answer as JSON out."""
INPUTS = "_a3s_inputs"

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_HEAD = """\
import asyncio
import json
import json as _a3s_json
_a3s_type = type
"""

_METHOD = """\
    async def {name}(self, *args, **named):
        given = [*args, named] if named else [*args]
        return _a3s_json.loads(await _a3s_call({function!r}, _a3s_json.dumps(given)))
"""

ENTRY = f"""\
_a3s_run = run
_a3s_value = _a3s_run(ctx, {INPUTS})
if _a3s_type(_a3s_value).__name__ == 'coroutine':
    _a3s_value = await _a3s_value
_a3s_json.dumps(_a3s_value, allow_nan=False)
"""
"""Calls the script, and gives its value as JSON."""

NO_RUN, NO_JSON = 1, 5
"""Lines of it that fail where there is no `run`, and where the value is no JSON."""


@lru_cache(maxsize=32)
def world_of(functions: Sequence[str]) -> str:
    """
    Write the world for some functions.

    Its classes are named as what they make, for errors that name them.

    A name such as `readFile` is also `read_file`. One that is no name in Python is left out: what
    has many names, such as tools, is called by a function that takes the name.
    """
    own: dict[str, str] = {}
    objects: dict[str, dict[str, str]] = {}
    for function in functions:
        place, dot, name = function.rpartition(".")
        methods = objects.setdefault(place, {}) if dot else own
        for spelled in (name, _HUMP.sub("_", name).lower()):
            if _is_name(spelled) and (not dot or _is_name(place)):
                methods[spelled] = function
    places = {place: methods for place, methods in objects.items() if _is_name(place)}
    classes = [_class(f"ctx_{place}", methods) for place, methods in places.items()]
    made = [f"ctx.{place} = ctx_{place}()\n" for place in places]
    return "".join([_HEAD, *classes, _class("ctx", own), "ctx = ctx()\n", *made])


def _is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text) and not text.startswith("_")


def _class(name: str, methods: Mapping[str, str]) -> str:
    rows = [_METHOD.format(name=name, function=function) for name, function in methods.items()]
    return "".join([f"class {name}:\n", *(rows or ["    pass\n"])])
