"""What addresses and posted fields name."""


def number_in(text: str) -> int | None:
    """The number that an address or a form names; None for anything else, and for what no row's number can be."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
