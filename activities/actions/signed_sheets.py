"""A gathering confirmed with the scan of the sheet that people signed: both or neither."""

from django.db import transaction

from accounts.models import User
from activities.actions.photos import MAX_BYTES, clean_photo
from batches.actions.attendance import confirm_gathering
from batches.models import Gathering
from config.errors import DomainError
from office.files import discard_file, store_file
from office.models import StoredFile

PDF = b"%PDF-"


def confirm_with_sheet(*, by: User, gathering: Gathering, scan: bytes | None) -> Gathering:
    """`confirm_gathering` with the scan beside it: a photograph re-encoded, a PDF as it is; None confirms without one.

    Where the confirmation is refused, or had been made before, no scan is kept. Raises DomainError: photo_too_big,
    not_a_photo, photo_damaged, and what `confirm_gathering` raises.
    """
    if scan is None:
        return confirm_gathering(by=by, gathering=gathering)
    with transaction.atomic():
        sheet = _stored(scan, by)
        confirmed = confirm_gathering(by=by, gathering=gathering, signed_sheet=sheet)
        if confirmed.signed_sheet_id != sheet.pk:
            discard_file(sheet)
    return confirmed


def _stored(scan: bytes, owner: User) -> StoredFile:
    if scan.startswith(PDF) and len(scan) <= MAX_BYTES:
        return store_file(
            name="签到表.pdf", kind="signed_sheet", content=scan, content_type="application/pdf", owner=owner
        )
    try:
        jpeg = clean_photo(scan)
    except DomainError as error:
        raise DomainError(error.code, f"签到表没有附上：{error.message}") from error
    return store_file(name="签到表.jpg", kind="signed_sheet", content=jpeg, content_type="image/jpeg", owner=owner)
