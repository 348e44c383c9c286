"""The acts on cadres: imports, days they cannot come, exports; one function each, the same for every door."""

from cadres.actions.committing import commit_import
from cadres.actions.exporting import MOST_ROWS, download_refused, export_cadres
from cadres.actions.importing import READ_TASK, XLSX, choose_units, discard_import, read_again, read_import, upload_list
from cadres.actions.reverting import revert_import
from cadres.actions.unavailability import enter_unavailability, void_unavailability
from cadres.actions.units import set_unit_quota

__all__ = [
    "MOST_ROWS", "READ_TASK", "XLSX", "choose_units", "commit_import", "discard_import", "download_refused",
    "enter_unavailability", "export_cadres", "read_again", "read_import", "revert_import", "set_unit_quota", "upload_list",
    "void_unavailability",
]  # fmt: skip
