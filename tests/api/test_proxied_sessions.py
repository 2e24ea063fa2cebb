"""What a session's commands reach through the proxy of their sandbox, and what its log says."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from a3s_code import SandboxPolicy, SandboxUnavailable
from a3s_code.errors import InvalidValue
from a3s_code.kernel.confinement import SandboxNetwork
from a3s_code.testing import calls, says
from api.house import House
from needed import needs_bwrap

pytestmark = [
    needs_bwrap,
    pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl"),
]


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"from outside\n")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def outside() -> Iterator[int]:
    """A server of this machine on loopback; gives its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def proxied(*allow: str, **more: bool) -> SandboxPolicy:
    network = SandboxNetwork(mode="proxy", allow=allow, **more)
    return SandboxPolicy(level="bwrap", network=network)


def here(port: int) -> SandboxPolicy:
    return proxied(f"127.0.0.1:{port}", allow_private=True)


def test_a_command_reaches_a_listed_host_and_the_log_says_so(house: House, outside: int) -> None:
    line = f"curl -sS --noproxy '' http://127.0.0.1:{outside}/ > got"
    session = house.session(calls("bash", command=line), says("ok"), sandbox=here(outside))
    events = list(session.stream("go"))

    assert house.get("got") == "from outside\n"
    (passage,) = [event for event in events if event.event_type == "sandbox_passage"]
    reached = {"host": "127.0.0.1", "port": outside, "outcome": "reached", "address": "127.0.0.1"}
    assert json.loads(passage.data or "") == reached
    assert session.sandbox_info()["network"] == "proxy"


def test_python_reaches_a_listed_host(house: House, outside: int) -> None:
    get = f"urllib.request.urlopen('http://127.0.0.1:{outside}/').read().decode()"
    line = f'no_proxy= NO_PROXY= python3 -c "import urllib.request; print({get})" > got'
    session = house.session(calls("bash", command=line), says("ok"), sandbox=here(outside))
    session.send("go")

    assert house.get("got") == "from outside\n\n"


def test_another_host_is_refused_and_the_violation_names_it(house: House, outside: int) -> None:
    line = "curl -sS -f http://other.test/ > got"
    session = house.session(calls("bash", command=line), says("ok"), sandbox=here(outside))
    events = list(session.stream("go"))

    assert house.get("got") == ""
    (violation,) = [event for event in events if event.event_type == "sandbox_violation"]
    named = {"kind": "host", "name": "other.test:80", "is_certain": True}
    assert json.loads(violation.data or "") == named
    (ended,) = [event for event in events if event.event_type == "tool_end"]
    assert "The sandbox does not allow it: host other.test:80" in str(ended.tool_output)
    assert "no network" not in str(ended.tool_output)


@pytest.mark.parametrize(
    "attempt",
    [
        "curl -sS --noproxy '*' http://127.0.0.1:PORT/",
        "env -i /usr/bin/curl -sS http://127.0.0.1:PORT/",
        "exec 3<>/dev/tcp/127.0.0.1/PORT",
        "python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", PORT), 2)'",
        "python3 -c 'import socket; socket.socket(socket.AF_UNIX)'",
        "python3 -c 'import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)'",
        "python3 -c 'import socket; socket.socket(socket.AF_VSOCK)'",
        "python3 -c 'import socket as s; s.socket(s.AF_INET, s.SOCK_RAW, 1)'",
        "exec 3<>/dev/udp/9.9.9.9/53 && echo x >&3",
        "getent hosts example.com",
        "curl -sSf --noproxy '' http://127.0.0.1:22/",
        "curl -sSf --noproxy '' http://[::1]:PORT/",
        "curl -sSf --noproxy '' http://169.254.169.254/",
    ],
)
def test_nothing_else_leads_out(house: House, outside: int, attempt: str) -> None:
    line = f"{attempt.replace('PORT', str(outside))} && echo escaped > got"
    session = house.session(calls("bash", command=line), says("ok"), sandbox=here(outside))
    session.send("go")

    assert not (house.root / "got").exists()


def test_a_command_starts_with_three_descriptors_and_no_way_to_the_harness(house: House) -> None:
    line = "ls /proc/self/fd > got; cat /proc/1/cmdline >> got"
    session = house.session(calls("bash", command=line), says("ok"), sandbox=proxied("a.test"))
    session.send("go")

    assert house.get("got").split()[:4] == ["0", "1", "2", "3"], "the fourth is ls's own"
    assert "netns" not in house.get("got")


def test_commands_at_the_same_time_have_a_port_each(house: House, outside: int) -> None:
    line = f"curl -sS --noproxy '' http://127.0.0.1:{outside}/ > got"
    session = house.session(default=says("ok"), sandbox=here(outside))
    with ThreadPoolExecutor(3) as threads:
        results = list(
            threads.map(lambda n: session.tool("bash", {"command": f"{line}{n}"}), "123")
        )

    assert [result.exit_code for result in results] == [0, 0, 0]


def test_a_proxy_where_no_network_namespace_is_is_refused_at_once(house: House) -> None:
    policy = SandboxPolicy(
        level="landlock", network=SandboxNetwork(mode="proxy", allow=("a.test",))
    )
    with pytest.raises(SandboxUnavailable, match="bwrap"):
        house.session(says("ok"), sandbox=policy)


def test_a_pattern_that_is_no_host_is_refused_at_once(house: House) -> None:
    for pattern in ("*", "1.2.3", "127.0.0.1", "a..b"):
        with pytest.raises(InvalidValue):
            house.session(says("ok"), sandbox=proxied(pattern))
