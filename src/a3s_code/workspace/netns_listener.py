"""
Run by name of its text, in a network namespace: open a port there, hand it out, run a command.

    python -I -S -c TEXT DESCRIPTOR PORT PROGRAM ARGUMENT…

The listening socket belongs to this namespace for as long as it lives, and is handed through
the descriptor to the proxy outside, which accepts on it. Nothing of this program remains once
the command runs: no process, no descriptor, no path. Standard library of any Python 3 alone.
"""

import array
import os
import signal
import socket
import sys

FAILED = 126
"""As a shell has it for a command that cannot be run."""


def hand_out(descriptor: int, port: int) -> None:
    """Open the port on loopback and send it away."""
    with socket.socket() as listener, socket.socket(fileno=descriptor) as door:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
        handed = array.array("i", [listener.fileno()])
        door.sendmsg([b"+"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handed)])


def main(descriptor: str, port: str, *command: str) -> None:
    """Become the command, with the signals that a program is started with."""
    try:
        hand_out(int(descriptor), int(port))
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        os.execvp(command[0], command)  # noqa: S606 - what this program is for
    except OSError as error:
        sys.stderr.write(f"The sandbox could not run {command[0]}: {error}\n")
        sys.exit(FAILED)


if __name__ == "__main__":
    main(*sys.argv[1:])
