"""Acts on records, reflections, reports and photographs."""

from activities.actions.filing import file_record, file_reflection, file_report
from activities.actions.papers import (
    Receipt,
    accept_paper,
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

accept_record = accept_paper
return_record = return_paper
submit_record = submit_paper
void_record = void_paper

__all__ = [
    "Receipt",
    "accept_paper",
    "accept_record",
    "archive_papers",
    "attach_photo",
    "file_record",
    "file_reflection",
    "file_report",
    "receipt_of",
    "remove_photo",
    "restore_paper",
    "return_paper",
    "return_record",
    "submit_paper",
    "submit_record",
    "unarchive_papers",
    "void_paper",
    "void_record",
    "withdraw_paper",
]
