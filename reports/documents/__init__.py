"""Papers that leave the system: class rosters, sign-in sheets and lodging tables (.xlsx), the dispatch notice (.docx)."""

from reports.documents.notice import dispatch_notice
from reports.documents.tables import class_roster, lodging_table, sign_in_sheet

__all__ = ["class_roster", "dispatch_notice", "lodging_table", "sign_in_sheet"]
