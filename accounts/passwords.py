"""Passwords: three kinds of characters (the assessors' reading of GB/T 22239), and readable one-time ones for slips."""

import secrets
from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.exceptions import ValidationError

DEMO_PASSWORD = "Dunmiao-2026"  # noqa: S105 -- printed on purpose; works on the embedded services alone
_KINDS = (str.islower, str.isupper, str.isdigit, lambda character: not character.isalnum())
_READABLE = "abcdefghjkmnpqrstuvwxyz"


class ThreeKindsValidator:
    """Of lower case, upper case, digits and signs, at least three."""

    def validate(self, password: str, user: Any = None) -> None:
        kinds = sum(any(kind(character) for character in password) for kind in _KINDS)
        if kinds < 3:
            raise ValidationError(self.get_help_text(), code="password_too_plain")

    def get_help_text(self) -> str:
        return "密码要有小写字母、大写字母、数字、符号中的三种，例如在一句话的拼音里加大写和数字。"


def one_time_password() -> str:
    """Twelve characters that can be read from paper and typed on a phone: letters, a capital, digits."""
    letters = "".join(secrets.choice(_READABLE) for _ in range(7))
    return f"{letters[:4].capitalize()}-{letters[4:]}{secrets.randbelow(9000) + 1000}"


class _OneTimeHasher(Argon2PasswordHasher):
    """Argon2 with little memory: a whole session's slips take seconds. One-time passwords are random and soon replaced;
    the first sign-in hashes anew at full cost."""

    time_cost = 1
    memory_cost = 8192
    parallelism = 1


def hash_one_time(password: str) -> str:
    """The stored form of a one-time password."""
    hasher = _OneTimeHasher()
    return str(hasher.encode(password, hasher.salt()))
