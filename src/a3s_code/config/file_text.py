"""The text of a configuration file, with the name that errors call it by."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

from a3s_code.config.acl import MAX_DOCUMENT_BYTES, refuse_size
from a3s_code.config.blocks import Place
from a3s_code.errors import ConfigError


def read_file(source: str | os.PathLike[str], *, hint: str) -> tuple[str, str]:
    """
    Give a file's name for errors, and its text.

    Args:
        source: A path; `~` is the home directory.
        hint: What to do when there is no such file.

    Raises:
        ConfigError: the file cannot be read, is too large, or is not UTF-8.
    """
    path = expanded(source)
    name = str(source) if path.name.isprintable() else repr(str(source))
    try:
        with path.open("rb") as file:
            data = file.read(MAX_DOCUMENT_BYTES + len(codecs.BOM_UTF8) + 1)
    except FileNotFoundError:
        raise ConfigError("the file does not exist", file=name, hint=hint) from None
    except OSError as error:
        raise ConfigError(f"the file cannot be read: {error.strerror}", file=name) from None
    except ValueError:
        raise ConfigError("no file can have this name", file=name) from None
    refuse_size(len(data.removeprefix(codecs.BOM_UTF8)), name)
    return name, _decoded(data, name)


def expanded(path: str | os.PathLike[str]) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # there is no such user; then `~` is a name like any other
        return Path(path)


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode().split("\n")
        place = Place(name, len(before), len(before[-1]) + 1)
        raise place.error("the file is not UTF-8", "save it as UTF-8") from None
