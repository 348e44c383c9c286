"""Photographs of a record: never required, never located (国办函〔2026〕12号).

What is kept is our own re-encoding: no EXIF, no position, no hidden content, turned the right way up.
"""

import io
import struct
import uuid
import zlib

from django.db import IntegrityError, transaction
from PIL import Image, ImageOps

from accounts import audit
from accounts.models import User
from activities import rules, states
from activities.actions.papers import batch_of, lock, note_of, require, require_open_batch
from activities.models import ActivityRecord, Attachment, PaperState
from config.errors import Conflict, DomainError
from office.files import discard_file, store_file

MAX_PHOTOS = 9
MAX_BYTES = 20 * 1024 * 1024
MAX_SIDE = 2048
"""Longest side, in pixels, of what is kept."""
MAX_PIXELS = 25_000_000
MAX_PIXELS_REDUCED = 120_000_000
"""A baseline JPEG can be read at an eighth of its size, so that a phone's 108 megapixels need little memory."""
FORMATS = ("JPEG", "PNG", "WEBP")
DAMAGED = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)
"""What Pillow raises for content that is no picture or only part of one."""

# Pillow's own limit only warns, and at 89 megapixels; ours is checked on the header before anything is decoded.
Image.MAX_IMAGE_PIXELS = None


def attach_photo(
    *, by: User, record: ActivityRecord, name: str, content: bytes, client_id: uuid.UUID | None = None
) -> Attachment:
    """Keep a photograph (JPEG, PNG or WebP) with a record that is not decided yet; at most 9.

    Sent again under the same `client_id`, or the same picture again, it answers with the attachment that exists.
    Raises DomainError: not_allowed, record_closed, too_many_photos, photo_too_big, not_a_photo, photo_damaged.
    """
    require(rules.may_write.test(by, record), "由填写这条记录的班长、副班长或服务中心附照片。")
    client_id = client_id or uuid.uuid4()
    known = Attachment.objects.filter(client_id=client_id).select_related("file").first()
    if known is not None:
        return _mine(known, record)
    jpeg = clean_photo(content)
    with audit.act("attach_photo", by=by, subject=record) as entry:
        row = lock(record)
        require_open_batch(batch_of(row))
        if row.state not in (*states.EDITABLE, PaperState.SUBMITTED):
            raise DomainError("record_closed", f"“{row.title}”{row.get_state_display()}，不能再附照片。")
        file = store_file(name=_shown_name(name), kind="photo", content=jpeg, content_type="image/jpeg", owner=by)
        same = row.attachments.filter(file__sha256=file.sha256).first()
        if same is not None:
            discard_file(file)
            return same
        if row.attachments.count() >= MAX_PHOTOS:
            raise DomainError("too_many_photos", f"一条记录最多附 {MAX_PHOTOS} 张照片。挑几张说明问题的就行。")
        try:
            with transaction.atomic():
                attachment = Attachment.objects.create(record=row, file=file, client_id=client_id)
        except IntegrityError:
            discard_file(file)
            return _mine(Attachment.objects.get(client_id=client_id), record)
        entry.data.update(sha256=file.sha256, bytes=file.size)
    return attachment


def remove_photo(*, by: User, attachment: Attachment, reason: str) -> None:
    """Take a photograph off a record that is still written, with a reason; versions keep its hash.

    Raises DomainError: not_allowed, reason_needed, record_closed.
    """
    require(rules.may_write.test(by, attachment.record), "由填写这条记录的班长、副班长或服务中心取下照片。")
    note = note_of(reason)
    with audit.act("remove_photo", by=by, subject=attachment.record, reason=note, sha256=attachment.file.sha256):
        row = lock(attachment.record)
        if row.state not in states.EDITABLE:
            raise DomainError("record_closed", f"“{row.title}”{row.get_state_display()}，不能取下照片。先撤回报送。")
        attachment.delete()


def _mine(known: Attachment, record: ActivityRecord) -> Attachment:
    if known.record_id != record.pk:
        raise Conflict("client_id_taken", "没有保存：这个编号已经用在别的照片上。请重新选照片。")
    return known


def _shown_name(name: str) -> str:
    stem = "".join(c for c in name.rsplit("/")[-1].rsplit("\\")[-1] if c.isprintable()).rsplit(".", 1)[0].strip(". ")
    return f"{stem[:80] or '照片'}.jpg"


def clean_photo(content: bytes) -> bytes:
    """A JPEG of at most 2048 pixels a side, upright and without any metadata.

    The header is checked before a pixel is decoded. Raises DomainError: photo_too_big, not_a_photo, photo_damaged.
    """
    if len(content) > MAX_BYTES:
        raise DomainError(
            "photo_too_big", f"照片超过 {MAX_BYTES // 1024 // 1024} MB。请在手机上缩小后再附，也可以不附。"
        )
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except DAMAGED as error:
        raise DomainError("not_a_photo", "这个文件不是 JPEG、PNG 或 WebP 照片。请换一张，也可以不附。") from error
    _check_header(image)
    try:
        return _encode(image)
    except DAMAGED as error:
        raise DomainError("photo_damaged", "照片没有传完整或已损坏。请重新选这张照片，记录本身已保存。") from error


def _check_header(image: Image.Image) -> None:
    reducible = image.format in ("JPEG", "MPO") and not image.info.get("progressive")
    limit = MAX_PIXELS_REDUCED if reducible else MAX_PIXELS
    if image.width * image.height > limit or max(image.size) > 30_000:
        raise DomainError(
            "photo_too_big", f"照片有 {image.width}×{image.height} 像素，太大了。请在手机上缩小后再附，也可以不附。"
        )
    if image.format in ("PNG", "WEBP") and getattr(image, "is_animated", False):
        raise DomainError("not_a_photo", "动图不能附。请换一张照片，也可以不附。")


def _encode(image: Image.Image) -> bytes:
    if image.format in ("JPEG", "MPO"):
        image.draft("RGB", (MAX_SIDE, MAX_SIDE))
    upright = ImageOps.exif_transpose(image)
    upright.thumbnail((MAX_SIDE, MAX_SIDE))
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        rgba = upright.convert("RGBA")
        upright = Image.new("RGB", rgba.size, "white")
        upright.paste(rgba, mask=rgba.getchannel("A"))
    clean = Image.new("RGB", upright.size)
    clean.paste(upright.convert("RGB"))
    out = io.BytesIO()
    clean.save(out, "JPEG", quality=85)
    return out.getvalue()
