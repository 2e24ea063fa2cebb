"""A language server for tests, as odd as its first argument says."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

HOW = sys.argv[1]
ERROR = {"range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 1}}}


def send(message: dict[str, Any]) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    sys.stdout.buffer.flush()


def receive() -> dict[str, Any]:
    length = 0
    while line := sys.stdin.buffer.readline().strip():
        length = int(line.split(b":")[1])
    if not length:
        sys.exit(0)
    return dict(json.loads(sys.stdin.buffer.read(length)))


def flood() -> None:
    while True:
        send({"method": "window/logMessage", "params": {"message": "x" * 1_000_000}})


def publish(document: dict[str, Any], text: str) -> None:
    found = [{**ERROR, "message": f"bad {word}"} for word in text.split() if word == "bad"]
    if HOW == "edits":
        send({"id": "mine", "method": "workspace/applyEdit", "params": {"edit": {}}})
        while "result" not in (answer := receive()):
            pass
        found = [{**ERROR, "message": f"applied: {answer['result']['applied']}"}]
    if HOW == "slow":
        time.sleep(0.5)
    send(
        {
            "method": "textDocument/publishDiagnostics",
            "params": {
                "uri": document["uri"],
                "version": document["version"],
                "diagnostics": found,
            },
        }
    )


def main() -> None:
    if HOW == "garbage":
        sys.stdout.write("Hello, I am no server.\r\n\r\n")
        sys.stdout.flush()
    if HOW == "mute":
        time.sleep(60)
    while True:
        message = receive()
        method, params = message.get("method"), message.get("params") or {}
        if method in ("initialize", "shutdown"):
            send({"id": message["id"], "result": {"capabilities": {}}})
        elif method == "exit":
            sys.exit(0)
        elif method in ("textDocument/didOpen", "textDocument/didChange"):
            if HOW == "dies":
                sys.stderr.write("I cannot go on\n")
                sys.exit(7)
            if HOW == "floods":
                flood()
            document = params["textDocument"]
            changes = params.get("contentChanges", [document])
            text = changes[0]["text"]
            publish(document, text)


main()
