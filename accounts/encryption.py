"""Personal data at rest: AES-256-GCM with a key id per value, and a keyed blind index for looking it up (PIPL art. 51).

The keys are settings, outside the database and its backups. The algorithm stands behind `encrypt`/`decrypt`/`blind_index`
alone, so that SM4 and SM3 can take its place.
"""

import base64
import hashlib
import hmac
import os
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import models


@lru_cache(maxsize=1)
def _keys() -> tuple[str, dict[str, AESGCM]]:
    keys = {}
    for entry in settings.FIELD_KEYS:
        key_id, _, key = entry.partition(":")
        keys[key_id] = AESGCM(base64.b64decode(key))
    return next(iter(keys)), keys


def encrypt(text: str) -> str:
    """`key id.base64(nonce + ciphertext)`; the empty text stays empty."""
    if not text:
        return ""
    key_id, keys = _keys()
    nonce = os.urandom(12)
    sealed = keys[key_id].encrypt(nonce, text.encode(), key_id.encode())
    return f"{key_id}.{base64.b64encode(nonce + sealed).decode()}"


def decrypt(value: str) -> str:
    """The plain text; raises `cryptography.exceptions.InvalidTag` when the value was altered, KeyError on a lost key."""
    if not value:
        return ""
    key_id, _, body = value.partition(".")
    raw = base64.b64decode(body)
    return _keys()[1][key_id].decrypt(raw[:12], raw[12:], key_id.encode()).decode()


def seal(content: bytes) -> bytes:
    """A file's content encrypted: key id, a line end, nonce and ciphertext. Uploaded rosters hold ID numbers too."""
    key_id, keys = _keys()
    nonce = os.urandom(12)
    return key_id.encode() + b"\n" + nonce + keys[key_id].encrypt(nonce, content, key_id.encode())


def unseal(sealed: bytes) -> bytes:
    """The content of a sealed file; raises InvalidTag when it was altered, KeyError on a lost key."""
    key_id, _, body = sealed.partition(b"\n")
    return _keys()[1][key_id.decode()].decrypt(body[:12], body[12:], key_id)


def blind_index(text: str) -> str:
    """Keyed SHA-256 of a value, equal for equal values, for unique constraints and look-ups; empty for the empty text."""
    if not text:
        return ""
    return hmac.new(settings.INDEX_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


class EncryptedTextField(models.TextField):
    """Text that the database holds encrypted; the attribute is the plain text."""

    description = "encrypted text"

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return value if value is None else encrypt(value)

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return value if value is None else decrypt(value)


class BlindIndexField(models.CharField):
    """The blind index of another field of the row, computed whenever the row is written (bulk_create included)."""

    def __init__(self, *args: Any, of: str = "", **options: Any) -> None:
        self.of = of
        options.setdefault("max_length", 64)
        options.setdefault("editable", False)
        options.setdefault("blank", True)
        super().__init__(*args, **options)

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        options["of"] = self.of
        return name, path, args, options

    def pre_save(self, model_instance: models.Model, add: bool) -> str | None:
        value = blind_index(getattr(model_instance, self.of) or "") or None
        setattr(model_instance, self.attname, value)
        return value


def mask_id_number(text: str) -> str:
    """First six and last four: 990101********0011."""
    return f"{text[:6]}{'*' * (len(text) - 10)}{text[-4:]}" if len(text) > 10 else "*" * len(text)


def mask_phone(text: str) -> str:
    """First three and last four: 138****0000."""
    return f"{text[:3]}****{text[-4:]}" if len(text) >= 8 else "*" * len(text)
