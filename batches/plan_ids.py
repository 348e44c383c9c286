"""Identifiers of the planner's documents: a letter for the kind and the row's primary key, no personal data."""


def key(kind: str, pk: int) -> str:
    """`C12` for cadre 12; U unit, B batch, K class, W track, P base, V village, T township, L route, H household, R room,
    S user, E exception."""
    return f"{kind}{pk}"


def pk_of(identifier: str) -> int:
    return int(identifier[1:])


NOT_A_ROW = 10**9
"""Numbers above it are no primary keys: things that only a plan knows."""


def class_to_come(number: int) -> str:
    """A class that a trial adds, by the number that it would have."""
    return key("K", NOT_A_ROW + number)


def number_to_come(pk: int) -> int | None:
    """The number of a class that a trial adds; None for one that has a row."""
    return pk - NOT_A_ROW if pk > NOT_A_ROW else None


def is_no_row(identifier: str) -> bool:
    """Whether only a plan knows it."""
    return pk_of(identifier) > NOT_A_ROW


def room_of_nobody(base: int, number: int) -> tuple[str, str]:
    """A household and a room at a base which only a plan knows, for people who do not sleep there (`base_of_nobody`)."""
    return key("H", NOT_A_ROW + 1000 * base + number), key("R", NOT_A_ROW + 1000 * base + number)


def base_of_nobody(household: str) -> int:
    """The base of such a household."""
    return (pk_of(household) - NOT_A_ROW) // 1000
