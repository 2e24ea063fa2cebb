"""The sandbox of the documents says what it is, or is refused with what to write instead."""

from __future__ import annotations

from typing import Any

import pytest

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.sandbox_config import SandboxConfig


def test_its_defaults_are_those_of_the_documents() -> None:
    config = SandboxConfig()
    assert (config.image, config.memory_mb, config.cpus) == ("alpine:latest", 512, 1)
    assert (config.network, config.env) == (False, {})
    assert config.network_mode == "none"


@pytest.mark.parametrize(
    ("network", "mode", "hosts"),
    [
        (False, "none", ()),
        (True, "full", ()),
        ([], "none", ()),
        (["*.pypi.org", "a.test:8443"], "proxy", ("*.pypi.org", "a.test:8443")),
    ],
)
def test_a_network_is_all_none_or_a_list_of_hosts(
    network: bool | list[str], mode: str, hosts: tuple[str, ...]
) -> None:
    config = SandboxConfig(network=network)
    assert (config.network_mode, config.hosts) == (mode, hosts)


def test_a_path_is_told_from_the_name_of_an_image() -> None:
    for path in ("/srv/rootfs", "./rootfs.tar", "../x", "~/image"):
        assert SandboxConfig(image=path).is_path
    for name in ("alpine:latest", "ghcr.io/a/b:1.2@sha256:ab", "localhost:5000/x", "ubuntu"):
        assert not SandboxConfig(image=name).is_path


@pytest.mark.parametrize(
    "wrong",
    [
        {"image": ""},
        {"image": "--privileged"},
        {"image": "a b"},
        {"image": "a\0"},
        {"memory_mb": 0},
        {"cpus": -1},
        {"cpus": float("nan")},
        {"network": ["*"]},
        {"network": ["127.0.0.1"]},
        {"env": {"A-B": "c"}},
        {"env": {"A": "c\0"}},
    ],
)
def test_a_value_that_no_sandbox_can_keep_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        SandboxConfig(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"image": 1}, {"memory_mb": True}, {"cpus": "1"}, {"network": "a.test"}, {"env": {"A": 1}}],
)
def test_a_value_of_a_wrong_kind_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidType, match=next(iter(wrong))):
        SandboxConfig(**wrong)
