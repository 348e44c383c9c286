"""Files that are kept: sealed, stored under their hash, handed out only by views that first ask who may see them."""

import datetime
import hashlib
import io

from cryptography.exceptions import InvalidTag
from django.core.files.base import ContentFile
from django.db import transaction
from django.http import FileResponse

from accounts.encryption import seal, unseal
from accounts.models import User
from config.errors import DomainError
from office.models import StoredFile


def store_file(
    *,
    name: str,
    kind: str,
    content: bytes,
    content_type: str,
    owner: User | None,
    expires_at: datetime.datetime | None = None,
) -> StoredFile:
    """Keep `content` encrypted under its SHA-256. The name is only shown and offered at download; it never forms a path."""
    digest = hashlib.sha256(content).hexdigest()
    stored = StoredFile(
        name=name.replace("/", "／")[:200], kind=kind, content_type=content_type, size=len(content), sha256=digest, owner=owner,
        expires_at=expires_at,
    )  # fmt: skip
    stored.content.save(f"{digest[:2]}/{digest}", ContentFile(seal(content)), save=False)
    stored.save()
    return stored


def read_file(stored: StoredFile) -> bytes:
    """The content, checked against its hash; raises DomainError("file_damaged") when it was altered or is missing."""
    try:
        with stored.content.open("rb") as stream:
            content = unseal(stream.read())
    except (FileNotFoundError, InvalidTag, KeyError, ValueError):
        content = b""
    if hashlib.sha256(content).hexdigest() != stored.sha256:
        raise DomainError("file_damaged", f"文件“{stored.name}”已损坏或丢失。请重新生成或重新上传。")
    return content


def discard_file(stored: StoredFile) -> None:
    """Take a file back that nothing refers to after all: its row now, its content once the transaction is through."""
    storage, name = stored.content.storage, stored.content.name
    stored.delete()
    if name:
        transaction.on_commit(lambda: storage.delete(name))


def download(stored: StoredFile) -> FileResponse:
    """An attachment answer with the file's own name; the caller has asked who may see it."""
    response = FileResponse(
        io.BytesIO(read_file(stored)), as_attachment=True, filename=stored.name, content_type=stored.content_type
    )
    response["X-Content-Type-Options"] = "nosniff"
    return response
