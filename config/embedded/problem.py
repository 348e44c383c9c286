"""The one error of the embedded services."""


class ServiceError(Exception):
    """Something the machine lacks or refuses; its text is one line that also says the cure."""
