"""A stand-in for Redis in Python, for machines that no Redis program can be had for.

`python -P imitation.py SOCKET PIDFILE` goes to the background and serves until it is ended. It keeps
everything in memory: enough for trying things out, since what must last stands in PostgreSQL.
"""

import itertools
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from fakeredis import TcpFakeServer


class SocketServer(TcpFakeServer):
    """The imitation on a Unix socket, where clients have no addresses of their own to be told apart by."""

    address_family = socket.AF_UNIX
    numbers = itertools.count(1)

    def get_request(self) -> tuple[Any, Any]:
        """Accept a client and give it a name."""
        connection, _ = super().get_request()
        return connection, ("client", next(self.numbers))


def main(address: str, pidfile: str) -> None:
    """Serve on the socket ``address``; the parent returns once the socket accepts."""
    Path(address).unlink(missing_ok=True)
    server = SocketServer(address, server_type="redis")
    os.chmod(address, 0o700)
    if os.fork():
        os._exit(0)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    Path(pidfile).write_text(str(os.getpid()), encoding="ascii")
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
