"""Who may do what in the office."""

from accounts.rules import is_centre_staff, is_system_administrator

may_see_all_jobs = is_centre_staff
may_edit_calendar = is_centre_staff
may_see_calendar = is_centre_staff | is_system_administrator
