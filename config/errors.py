"""The one family of errors that tell a person what is wrong and what cures it."""


class DomainError(Exception):
    """A business rule refuses an act.

    `code` is for programs and tests; `message` is plain Chinese: what is wrong, then what cures it. Pages show it as a
    message, jobs as their error, commands as one line. Nothing has been written when it is raised.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message


class Conflict(DomainError):
    """Somebody else has changed the same thing in the meantime; pages answer 409."""
