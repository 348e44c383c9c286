"""Who reads what is gathered from all apps."""

from accounts.rules import is_centre_staff, is_leader

may_see_dashboard = is_centre_staff | is_leader
