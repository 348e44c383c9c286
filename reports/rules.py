"""Who reads what is gathered from all apps, who asks for papers, and when there are papers at all."""

from accounts.rules import is_centre_staff, is_leader
from batches.models import Batch, PlanVersion
from batches.queries import version_in_force
from batches.rules import is_head_teacher, is_monitor
from config.errors import DomainError

may_see_dashboard = is_centre_staff | is_leader
may_ask_for_papers = is_centre_staff | is_head_teacher | is_monitor
"""Of a class or gathering when one is given; of any class when none is."""
may_ask_for_notice = is_centre_staff


def published_version(batch: Batch) -> PlanVersion:
    """The version that papers follow from. Raises DomainError when the batch is not published: nothing is fixed yet."""
    version = version_in_force(batch)
    if version is None:
        raise DomainError("not_published", f"{batch}还没有发布，不能出花名册、签到表、住宿表和通知。请先发布方案。")
    return version
