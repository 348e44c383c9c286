"""Photographs: re-encoded, without EXIF, upright, checked on the header; never needed, never the record's undoing."""

import io
import struct
import uuid
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from activities.actions import accept_paper, attach_photo, remove_photo, withdraw_paper
from activities.actions.photos import MAX_PHOTOS, clean_photo
from activities.models import ActivityRecord, Attachment
from config.errors import Conflict, DomainError
from office.files import read_file
from tests.activities.conftest import ClassWorld, filed

pytestmark = pytest.mark.django_db


def picture(kind: str = "JPEG", size: tuple[int, int] = (40, 20), colour: Any = "green", **options: Any) -> bytes:
    image = Image.new(options.pop("mode", "RGB"), size, colour)
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header claims a size; the pixels behind it are hardly there."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def refused(code: str, act: Callable[[], Any]) -> str:
    with pytest.raises(DomainError) as caught:
        act()
    assert caught.value.code == code
    return caught.value.message


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_photo_is_kept_as_a_jpeg_of_our_own(ours: ClassWorld, kind: str) -> None:
    attachment = attach_photo(by=ours.monitor, record=filed(ours), name=f"a.{kind}", content=picture(kind))
    kept = Image.open(io.BytesIO(read_file(attachment.file)))
    assert (kept.format, kept.size, attachment.file.content_type) == ("JPEG", (40, 20), "image/jpeg")


def test_position_author_and_thumbnail_are_dropped_and_the_picture_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x013B] = "somebody"
    exif.get_ifd(0x8825)[1] = "N"
    dirty = picture(exif=exif, size=(40, 20))
    assert Image.open(io.BytesIO(dirty)).getexif()[0x013B] == "somebody"
    clean = Image.open(io.BytesIO(clean_photo(dirty)))
    assert dict(clean.getexif()) == {}
    assert "exif" not in clean.info
    assert clean.size == (20, 40)


def test_large_photo_is_made_smaller_and_transparency_white() -> None:
    assert Image.open(io.BytesIO(clean_photo(picture(size=(6000, 3000))))).size == (2048, 1024)
    clear = clean_photo(picture("PNG", mode="RGBA", colour=(0, 0, 0, 0)))
    assert Image.open(io.BytesIO(clear)).getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "not_a_photo"),
        (b"<html><script>alert(1)</script>", "not_a_photo"),
        (b"PK\x03\x04 zip", "not_a_photo"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not_a_photo"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not_a_photo"),
        (picture("GIF"), "not_a_photo"),
        (picture("TIFF"), "not_a_photo"),
        (png_of(9000, 9000), "photo_too_big"),
        (png_of(60_000, 1), "photo_too_big"),
        (png_of(2000, 2000), "photo_damaged"),
        (picture(size=(800, 800))[:1200], "photo_damaged"),
        (b"\xff" * (20 * 1024 * 1024 + 1), "photo_too_big"),
    ],
)
def test_what_is_no_photo_is_refused_without_harm(ours: ClassWorld, content: bytes, code: str) -> None:
    record = filed(ours)
    refused(code, lambda: attach_photo(by=ours.monitor, record=record, name="a.jpg", content=content))
    assert not Attachment.objects.exists()


def test_moving_pictures_are_refused() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])
    refused("not_a_photo", lambda: clean_photo(out.getvalue()))


@pytest.mark.parametrize(
    ("name", "shown"),
    [("../../x.jpg", "x.jpg"), ("con\n.jpg", "con.jpg"), ("长" * 300 + ".png", "长" * 80 + ".jpg"), ("", "照片.jpg")],
)
def test_file_names_are_only_shown(ours: ClassWorld, name: str, shown: str) -> None:
    attachment = attach_photo(by=ours.monitor, record=filed(ours), name=name, content=picture())
    assert attachment.file.name == shown
    assert ".." not in attachment.file.content.name


def test_same_picture_or_id_again_is_one_attachment(ours: ClassWorld, theirs: ClassWorld) -> None:
    record, client_id = filed(ours), uuid.uuid4()
    first = attach_photo(by=ours.monitor, record=record, name="a.jpg", content=picture(), client_id=client_id)
    assert attach_photo(by=ours.monitor, record=record, name="a.jpg", content=picture(), client_id=client_id) == first
    assert attach_photo(by=ours.monitor, record=record, name="b.jpg", content=picture()) == first
    assert Attachment.objects.count() == 1
    with pytest.raises(Conflict):
        attach_photo(by=theirs.monitor, record=filed(theirs), name="a.jpg", content=picture(), client_id=client_id)


def test_photos_are_for_the_writers_of_an_undecided_record(ours: ClassWorld, theirs: ClassWorld) -> None:
    record = filed(ours)
    for user in (theirs.monitor, ours.cadre, ours.head_teacher):
        refused("not_allowed", lambda user=user: attach_photo(by=user, record=record, name="a", content=picture()))
    attachment = attach_photo(by=ours.monitor, record=record, name="a", content=picture())
    refused("record_closed", lambda: remove_photo(by=ours.monitor, attachment=attachment, reason="拍错"))
    withdraw_paper(by=ours.monitor, paper=record)
    refused("reason_needed", lambda: remove_photo(by=ours.monitor, attachment=attachment, reason=""))
    remove_photo(by=ours.monitor, attachment=attachment, reason="拍错")
    accepted = filed(ours)
    accept_paper(by=ours.head_teacher, paper=accepted)
    refused("record_closed", lambda: attach_photo(by=ours.monitor, record=accepted, name="a", content=picture()))


def test_ten_photos_are_one_too_many(ours: ClassWorld) -> None:
    record = filed(ours)
    for n in range(MAX_PHOTOS):
        attach_photo(by=ours.monitor, record=record, name="a", content=picture(size=(10 + n, 9)))
    refused(
        "too_many_photos", lambda: attach_photo(by=ours.monitor, record=record, name="a", content=picture(size=(99, 9)))
    )


def test_bad_photo_does_not_take_the_record_with_it(ours: ClassWorld) -> None:
    client = Client()
    client.force_login(ours.monitor)
    data = {
        "client_id": str(uuid.uuid4()), "kind": "deed", "gathering": ours.gathering.pk, "day": "2026-09-12",
        "participants": [ours.member.enrollment.pk], "title": "装扶手", "text": "装好了", "act": "submit",
        "photos": [SimpleUploadedFile("坏.jpg", b"not a photo"), SimpleUploadedFile("好.jpg", picture())],
    }  # fmt: skip
    url = reverse("activities:record_new", args=[ours.practice_class.pk])
    shown = client.post(url, data, follow=True).content.decode()
    assert "照片“坏.jpg”没有附上" in shown
    assert ActivityRecord.objects.get().attachments.count() == 1


def test_photo_is_shown_to_those_who_see_the_record(ours: ClassWorld, theirs: ClassWorld) -> None:
    attachment = attach_photo(by=ours.monitor, record=filed(ours), name="a.jpg", content=picture())
    client, url = Client(), reverse("activities:photo", args=[attachment.pk])
    assert client.get(url).status_code == 302
    client.force_login(theirs.head_teacher)
    assert client.get(url).status_code == 404
    client.force_login(ours.head_teacher)
    response = client.get(url)
    assert (response["Content-Type"], response["X-Content-Type-Options"]) == ("image/jpeg", "nosniff")
    assert response.content == read_file(attachment.file)
