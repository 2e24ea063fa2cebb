"""Promises of the parser: what it reads, where it points, and that nothing breaks it."""

from __future__ import annotations

import math
import string
import textwrap
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.config import acl, lexer
from a3s_code.config.acl import parse
from a3s_code.config.blocks import Entry, Env, Items, Node, Scalar, Table
from a3s_code.errors import ConfigError
from config import reading
from config.reading import assert_points_into


def plain(node: Node) -> Any:
    """Blocks as lists of (labels, body), so that a test can write them down."""
    match node:
        case Scalar(value):
            return value
        case Env(variable):
            return ("env", variable)
        case Items(values):
            return [plain(value) for value in values]
        case Table(entries):
            body: dict[str, Any] = {}
            for entry in entries:
                if entry.is_block:
                    body.setdefault(entry.key, []).append((*entry.labels, plain(entry.value)))
                else:
                    body[entry.key] = plain(entry.value)
            return body


def read(text: str) -> Any:
    return plain(parse(textwrap.dedent(text)).root)


fault = partial(reading.fault, reader=parse)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"text"', "text"),
        ("'text'", "text"),
        ('""', ""),
        (r'"a\n\t\"\\\/\u00e9\U0001F600\ud83d\ude00\0"', 'a\n\t"\\/é😀😀\0'),
        (r"'it\'s'", "it's"),
        ('"${HOME} # // /* not a comment */"', "${HOME} # // /* not a comment */"),
        ("10_000", 10_000),
        ("-3", -3),
        ("+3", 3),
        ("1.5", 1.5),
        ("-1.5e-3", -0.0015),
        ("2E3", 2000.0),
        ("9223372036854775807", 2**63 - 1),
        ("true", True),
        ("false", False),
        ("null", None),
        ('env("NAME")', ("env", "NAME")),
        ("env ( 'NAME' )", ("env", "NAME")),
        ("[]", []),
        ('["a", "b",]', ["a", "b"]),
        ('[\n"a"\n"b"\n]', ["a", "b"]),
        ("[[1], [2, 3]]", [[1], [2, 3]]),
        ("{}", {}),
        ("{ a = 1, b : 2 }", {"a": 1, "b": 2}),
        ('{ "X-Key": "v", Content-Type = "w" }', {"X-Key": "v", "Content-Type": "w"}),
        ("{\na = 1\n\nb = 2,\n}", {"a": 1, "b": 2}),
        ("<<EOF\n  one\n two\nEOF", "  one\n two\n"),
        ("<<-EOF\n\t  one\n\t two\n\n\tEOF", " one\ntwo\n\n"),
        ("<<EOF\r\none\r\nEOF\r\n", "one\n"),
        ("<<EOF\nEOF", ""),
    ],
)
def test_a_value_is_read_as_it_is_written(text: str, value: Any) -> None:
    assert read(f"x = {text}") == {"x": value}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("b {}", {"b": [({},)]}),
        ('b "l" {}', {"b": [("l", {})]}),
        ('b "l" "m" { x = 1 }', {"b": [("l", "m", {"x": 1})]}),
        ("b l { x = 1 }", {"b": [("l", {"x": 1})]}),
        ("b { x = 1 }\nb { x = 2 }", {"b": [({"x": 1},), ({"x": 2},)]}),
        ("b { c { d { x = 1 } } }", {"b": [({"c": [({"d": [({"x": 1},)]},)]},)]}),
        (
            "e { g { on = true, w = 1.5 } h {} }",
            {"e": [({"g": [({"on": True, "w": 1.5},)], "h": [({},)]},)]},
        ),
        ("x : 1\ny = 2", {"x": 1, "y": 2}),
        ("x = 1, y = 2", {"x": 1, "y": 2}),
        ("x =\n  1", {"x": 1}),
        ("# a\nx = 1 // b\n/* c\n = */ y = /* d */ 2 # e", {"x": 1, "y": 2}),
        ("\ufeffx = 1", {"x": 1}),
        ("x = 1\r\ny = 2\r\n", {"x": 1, "y": 2}),
        ("\tx\t=\t1\n\n\n", {"x": 1}),
        ("größe = 1", {"größe": 1}),
    ],
)
def test_entries_take_every_form_of_both_languages(text: str, value: Any) -> None:
    assert read(text) == value


def test_every_node_knows_where_it_stands() -> None:
    document = parse('\ufeffa = 1\n  block "l" { größe = [ 2 ] }\n', "x.acl")
    block = document.root.entries[1]
    assert isinstance(block.value, Table)
    inner = block.value.entries[0]
    assert isinstance(inner.value, Items)
    places = [document.source.place(n.at) for n in (block, inner, inner.value, *inner.value.values)]
    assert [(place.file, place.line, place.column) for place in places] == [
        ("x.acl", 2, 3),
        ("x.acl", 2, 15),
        ("x.acl", 2, 23),
        ("x.acl", 2, 25),
    ]


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("x = ", 1, 5, "expected a value for x, found the end of the text"),
        ("x = \n}", 2, 1, "expected a value for x, found '}'"),
        ('x = "abc\ny = 1', 1, 5, "not closed on its line"),
        ("x = 'abc", 1, 5, "not closed on its line"),
        ('x = "abc\\"', 1, 5, "not closed on its line"),
        ("x = 1 /* c", 1, 7, "comment is not closed"),
        ("x = <<EOF\nabc\nEO", 1, 5, "heredoc EOF is not closed"),
        ("x = << EOF", 1, 5, "heredoc starts with"),
        ("a { b {\n}", 1, 3, "'{' is not closed"),
        ("a = [\n1,", 1, 5, "'[' is not closed"),
        ("}", 1, 1, "expected a name, found '}'"),
        ("a {{", 1, 4, "expected a name, found '{'"),
        ("a = 1 b = 2", 1, 7, "the value of a is over"),
        ('a = ["b" "c"]', 1, 10, "expected ',' or ']' in a"),
        ("a = [,]", 1, 6, "expected a value for a, found ','"),
        ("a = 1,, b = 2", 1, 7, "expected a name, found ','"),
        ("a", 1, 2, "expected '=' or '{' after a"),
        ("a b c", 1, 6, "expected '=' or '{' after a"),
        ("a += 1", 1, 3, "+ has no meaning here"),
        ("a = b", 1, 5, "found a bare word"),
        ("x = foo bar baz =", 1, 5, "found a bare word"),
        ("a = “b”", 1, 5, "“ has no meaning here (use straight quotes)"),
        ("a =\u00a01", 1, 4, "U+00A0 has no meaning here"),
        ("a = 12ab", 1, 5, "not a number"),
        ("a = 1__0", 1, 5, "not a number"),
        ("a = 1.", 1, 5, "not a number"),
        ("a = ٣", 1, 5, "not a number"),
        ("a = 9223372036854775808", 1, 5, "number is too large"),
        ("a = 1e999", 1, 5, "number is too large"),
        (f"a = {'9' * 5_000}", 1, 5, "number is too large"),
        (r'a = "b\q"', 1, 7, "escape is unknown"),
        (r'a = "b\u12"', 1, 7, "escape is unknown"),
        (r'a = "\U00110000"', 1, 6, "escape is unknown"),
        (r'a = "\ud800"', 1, 5, "half of a character"),
        ("é = 1\na = \ud800", 2, 5, "lone surrogate"),
        ("a = 1\nb = 2\na = 3", 3, 1, "a is set twice (it is set first in line 1)"),
        ("a = 1\na {}", 2, 1, "a is set twice"),
        ("a {}\na = 1", 2, 1, "a is set twice"),
        ("a { b = 1, b = 2 }", 1, 12, "b is set twice"),
        ("a = file('x')", 1, 5, "the function file is unknown"),
        ("a = env()", 1, 5, "env takes the name of one variable"),
        ("a = env(1)", 1, 5, "env takes the name of one variable"),
        ("a = env('')", 1, 5, "env takes the name of one variable"),
        ("a = env('A', 'b')", 1, 5, "env takes the name of one variable"),
        ('{"default_model": "a/b"}', 1, 1, "JSON is not a configuration"),
        ('\ufeff\n [{"a": 1}]', 2, 2, "JSON is not a configuration"),
    ],
)
def test_a_fault_is_told_where_it_is(text: str, line: int, column: int, said: str) -> None:
    error = fault(text)
    assert (error.file, error.line, error.column) == ("agent.acl", line, column)
    assert said in str(error)
    assert_points_into(error, text)


@pytest.mark.parametrize("text", ["", "  \n\t\n", "\ufeff", "# nothing\n/* at all */"])
def test_an_empty_text_is_told_what_to_write_instead(text: str) -> None:
    error = fault(text)
    assert "the configuration is empty" in error.message
    assert 'default_model = "' in error.hint


@pytest.mark.parametrize(
    "text",
    [
        "api_key = {secret}",
        'api_key = "a" "{secret}"',
        'api_key = "{secret}',
        "api_key = '{secret}\\q'",
        "api_key = env({secret})",
        "api_key = [{secret}]",
        'api_key "{secret}" = 1',
        "api_key = 1{secret}",
    ],
)
def test_no_error_repeats_a_value(text: str) -> None:
    assert "hunter2" not in str(fault(text.replace("{secret}", "hunter2")))


def test_the_document_may_have_one_mebibyte() -> None:
    text = "x = 1 #"
    full = text + "é" * ((acl.MAX_DOCUMENT_BYTES - len(text)) // 2)
    parse(full)
    assert "1,048,576 bytes at most" in str(fault(full + "éé"))


def test_a_token_may_have_256_kibibytes() -> None:
    longest = "a" * (lexer.MAX_TOKEN_BYTES - 2)
    assert read(f'x = "{longest}"') == {"x": longest}
    assert "one token may have" in str(fault(f'x = "{longest}a"'))
    assert "one token may have" in str(fault(f'x = "{"é" * (lexer.MAX_TOKEN_BYTES // 2)}"'))
    assert "one token may have" in str(fault(f"x = <<E\n{longest}aaa\nE"))
    assert len(str(fault("a" * lexer.MAX_TOKEN_BYTES))) < 500


@pytest.mark.parametrize("pair", ["[]", "{}"])
def test_values_nest_64_deep(pair: str) -> None:
    opener = pair[0] if pair == "[]" else "{ a = "
    deepest = opener * acl.MAX_DEPTH + "1" + pair[1] * acl.MAX_DEPTH
    assert read(f"x = {deepest}")
    assert "64 deep at most" in str(fault(f"x = {opener}{deepest}{pair[1]}"))
    assert "64 deep at most" in str(fault("x = " + opener * 20_000))
    assert "64 deep at most" in str(fault("x {" * 20_000))


def test_a_document_may_have_10_000_entries_and_items() -> None:
    items = ",".join("1" for _ in range(acl.MAX_ITEMS - 1))
    assert len(read(f"x = [{items}]")["x"]) == acl.MAX_ITEMS - 1
    assert "10,000 entries and items" in str(fault(f"x = [{items},1]"))
    assert "10,000 entries and items" in str(fault("a {}\n" * (acl.MAX_ITEMS + 1)))


WORDS = ["x", "env", "true", "<<E\n", "E\n", "/*", "*/", "//", "\\u12", "\ud800", "\ufeff", "10_0"]
MARKS = [*"{}[]()=:,#\"'\\\n\r \t+-.", *WORDS]


@given(st.lists(st.sampled_from(MARKS) | st.text(max_size=3), max_size=40).map("".join))
def test_any_text_is_read_or_refused_at_a_place_inside_it(text: str) -> None:
    try:
        document = parse(text)
    except ConfigError as error:
        assert_points_into(error, text)
    else:
        assert document.root.entries


KEYS = st.from_regex(r"[a-z_][a-zA-Z0-9_-]{0,8}", fullmatch=True)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def quoted(text: str, quote: str) -> str:
    special = {"\\": r"\\", "\n": r"\n", quote: "\\" + quote}
    return quote + "".join(special.get(each, each) for each in text) + quote


def written(value: Any, draw: Any) -> str:
    """Write a value, choosing anew among all forms each time."""
    space = draw(st.sampled_from(["", " ", "\n", " # c\n", "/* , */"]))
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case int():
            return draw(st.sampled_from([f"{value}", f"{value:_}"]))
        case float():
            return repr(value)
        case str():
            return quoted(value, draw(st.sampled_from("\"'")))
        case list():
            part = draw(st.sampled_from([",", ", ", "\n", ",\n"]))
            return "[" + space + part.join(written(each, draw) for each in value) + space + "]"
        case _:
            return "{" + space + entries(value, draw) + space + "}"


def entries(values: dict[str, Any], draw: Any) -> str:
    lines: list[str] = []
    for key, value in values.items():
        name = draw(st.sampled_from([key, f'"{key}"']))
        mark = draw(st.sampled_from(["=", " = ", ": ", " : "]))
        lines.append(f"{name}{mark}{written(value, draw)}")
    return draw(st.sampled_from(["\n", ",", ",\n", " // c\n"])).join(lines)


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=5), st.data())
def test_what_was_written_in_any_form_is_read_back(values: dict[str, Any], data: Any) -> None:
    found = plain(parse(entries(values, data.draw)).root)
    assert found == values
    assert repr(found) == repr(values)


@given(st.dictionaries(KEYS, st.lists(st.text(string.ascii_letters, max_size=5)), min_size=1))
def test_blocks_keep_their_labels_and_order(blocks: dict[str, list[str]]) -> None:
    text = "".join(
        f'{key} "{label}" {{ n = {number} }}\n'
        for key, labels in blocks.items()
        for number, label in enumerate(labels)
    )
    wanted = {
        key: [(label, {"n": number}) for number, label in enumerate(labels)]
        for key, labels in blocks.items()
        if labels
    }
    assert (read(text) if text else {}) == wanted


def test_numbers_stay_finite() -> None:
    assert math.isfinite(read("x = 1e308")["x"])


def test_a_key_stays_as_it_was_written() -> None:
    entry = parse("apiKey = 1").root.entries[0]
    assert entry == Entry("apiKey", Scalar(1, 9), 0)
