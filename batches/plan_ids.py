"""Identifiers of the planner's documents: a letter for the kind and the row's primary key, no personal data."""


def key(kind: str, pk: int) -> str:
    """`C12` for cadre 12; U unit, B batch, K class, W track, P base, V village, T township, L route, H household, R room,
    S user, E exception."""
    return f"{kind}{pk}"


def pk_of(identifier: str) -> int:
    return int(identifier[1:])
