"""Values of Python types from a model."""

from __future__ import annotations

import asyncio
import datetime as dt
import enum
import json
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pydantic
import pytest

from a3s_code import AsyncAgent, InvalidType, ObjectInvalid, ToolFailed
from a3s_code.testing import Turn, calls, refuses, says
from api.house import WIRES, House, arrive


class Leg(msgspec.Struct):
    name: str
    length_cm: Annotated[float, msgspec.Meta(gt=0)]


class Cat(msgspec.Struct):
    legs: list[Leg]
    born: dt.date | None = None


@dataclass
class Dog:
    name: str
    tags: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.name.islower():
            raise ValueError("names begin with a capital")


class Bird(TypedDict):
    wings: int


class Fish(pydantic.BaseModel):
    fins: int = pydantic.Field(ge=1)
    friend: Fish | None = None

    @pydantic.field_validator("fins")
    @classmethod
    def even(cls, fins: int) -> int:
        if fins % 2:
            raise ValueError("fins come in pairs")
        return fins


class Colour(enum.Enum):
    RED = "red"


def generate(house: House, of: Any, *turns: Turn, kind: str = "openai", **options: Any) -> Any:
    return house.session(*turns, kind=kind).generate_object(of, "Describe it.", **options)


LEGS: dict[str, Any] = {"legs": [{"name": "left", "length_cm": 20}]}


@pytest.mark.parametrize("kind", WIRES)
@pytest.mark.parametrize(
    ("of", "answer", "value"),
    [
        (Cat, LEGS | {"born": "2020-02-29"}, Cat([Leg("left", 20)], dt.date(2020, 2, 29))),
        (Dog, {"name": "Rex"}, Dog("Rex")),
        (Bird, {"wings": 2}, {"wings": 2}),
        (Fish, {"fins": 2, "friend": {"fins": 4}}, Fish(fins=2, friend=Fish(fins=4))),
        (list[Leg], {"value": LEGS["legs"]}, [Leg("left", 20)]),
        (list[Fish], {"value": [{"fins": 2}]}, [Fish(fins=2)]),
        (Literal["a", "b"], {"value": "b"}, "b"),
        (int, {"value": 4}, 4),
        (Colour, {"value": "red"}, Colour.RED),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (Leg | None, {"value": None}, None),
    ],
)
def test_a_value_is_of_the_type_itself(
    house: House, kind: str, of: Any, answer: dict[str, Any], value: object
) -> None:
    got = generate(house, of, calls("*", **answer), kind=kind)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("of", "wrong", "right", "why"),
    [
        (Cat, {"legs": [{"name": "left", "length_cm": 0}]}, LEGS, "exclusiveMinimum 0"),
        (Cat, LEGS | {"born": "yesterday"}, LEGS, "Invalid RFC3339"),
        (Dog, {"name": "rex"}, {"name": "Rex"}, "names begin with a capital"),
        (Dog, {"name": "Rex", "age": 3}, {"name": "Rex"}, "age"),
        (Fish, {"fins": 3}, {"fins": 4}, "fins come in pairs"),
        (Fish, {"fins": "4"}, {"fins": 4}, "type"),
    ],
)
def test_what_the_type_refuses_is_sent_back_in_its_own_words(
    house: House, of: Any, wrong: dict[str, Any], right: dict[str, Any], why: str
) -> None:
    generate(house, of, calls("*", **wrong), calls("*", **right))
    assert why in json.dumps(house.bodies[1]["messages"])


def test_what_never_becomes_a_value_is_an_error_that_says_why(house: House) -> None:
    with pytest.raises(ObjectInvalid) as caught:
        generate(house, Leg, calls("*", name=1), says("no"), max_repair_attempts=1)
    error = caught.value
    assert (error.attempts, error.hint != "") == (2, True)
    assert "no JSON" in error.errors[0]
    assert isinstance(error, ToolFailed)


def test_a_provider_that_fails_is_no_invalid_object(house: House) -> None:
    with pytest.raises(ToolFailed, match="API key") as caught:
        generate(house, Leg, refuses(401))
    assert not isinstance(caught.value, ObjectInvalid)


@pytest.mark.parametrize("of", [None, object, lambda: 1, "Leg", complex])
def test_a_type_without_a_schema_is_refused_before_the_model_is_asked(
    house: House, of: Any
) -> None:
    with pytest.raises(InvalidType, match="No schema") as refused:
        generate(house, of)
    assert "schema_hook" not in str(refused.value)
    assert not house.server.requests


def test_objects_of_a_type_are_closed_so_that_providers_can_enforce_them(house: House) -> None:
    generate(house, Bird, says('{"wings": 2}'), mode="strict")
    asked = house.bodies[0]["response_format"]["json_schema"]
    assert asked["strict"] is True
    assert asked["schema"]["additionalProperties"] is False


def test_a_secret_is_as_hidden_as_in_any_other_result(house: House) -> None:
    key = "sk-ant-" + "api03-" + "Ab1" * 30
    session = house.session(calls("*", name=key, tags=[]), default_security=True)
    assert key not in session.generate_object(Dog, "Describe it.").name


def test_it_waits_for_nobody_in_an_async_program(house: House) -> None:
    async def ask() -> Dog:
        server = house.serve(calls("*", name="Rex"))
        async with AsyncAgent(server.acl("openai")) as agent:
            return await agent.session(house.root).generate_object(Dog, "Describe it.")

    assert asyncio.run(ask()) == Dog("Rex")


def test_pydantic_is_not_imported_for_other_types() -> None:
    program = """
import sys, msgspec
from a3s_code import Agent
from a3s_code.testing import Scripted, calls
class Leg(msgspec.Struct):
    name: str
agent = Agent.create('default_model = "scripted/model"')
assert not {"jiter", "jsonschema_rs"} & set(sys.modules)
session = agent.session(".", llm_client=Scripted(calls("*", name="left")))
assert session.generate_object(Leg, "Describe it.").name == "left"
assert "pydantic" not in sys.modules
agent.close()
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


async def test_the_loop_goes_on_while_an_answer_is_judged(house: House) -> None:
    began, went_on = threading.Event(), threading.Event()

    @dataclass
    class Slow:
        name: str

        def __post_init__(self) -> None:
            began.set()
            if not went_on.wait(5):
                raise ValueError("nothing else went on meanwhile")

    async def other() -> None:
        await arrive(began.is_set)
        went_on.set()

    async with AsyncAgent(house.serve(calls("*", name="a"), default=says("x")).acl()) as agent:
        beside = asyncio.create_task(other())
        made = await agent.session(house.root).generate_object(Slow, "a name")
        await beside
    assert made.name == "a"
