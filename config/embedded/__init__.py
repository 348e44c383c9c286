"""The services a bare machine lacks: a PostgreSQL and a Redis of this checkout's own.

They come out of Python wheels, listen on Unix sockets only and keep their data in the ignored
folder, so that two checkouts run side by side and nothing has to be installed. For development,
tests and demonstration; production uses real servers. Nothing here imports Django.
"""

from config.embedded.problem import ServiceError
from config.embedded.running import services

__all__ = ["ServiceError", "services"]
