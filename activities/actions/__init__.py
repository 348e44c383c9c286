"""Acts on records, reflections, reports and photographs."""

from activities.actions.filing import file_record, file_reflection, file_report
from activities.actions.papers import (
    Receipt,
    accept_paper,
    archive_batch,
    archive_papers,
    receipt_of,
    restore_paper,
    return_paper,
    submit_paper,
    unarchive_papers,
    void_paper,
    withdraw_paper,
)
from activities.actions.photos import attach_photo, remove_photo
from activities.actions.signed_sheets import confirm_with_sheet

__all__ = [
    "Receipt",
    "accept_paper",
    "archive_batch",
    "archive_papers",
    "attach_photo",
    "confirm_with_sheet",
    "file_record",
    "file_reflection",
    "file_report",
    "receipt_of",
    "remove_photo",
    "restore_paper",
    "return_paper",
    "submit_paper",
    "unarchive_papers",
    "void_paper",
    "withdraw_paper",
]
