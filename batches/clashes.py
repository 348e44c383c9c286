"""Staff who are asked to two coming gatherings at once as a batch in force stands (R19), in words.

The input of a repair leaves them out on purpose: they are mended by other staff, never by gatherings that fall out. So neither
the planner nor the checker of its plan sees them, and every page that speaks of R19 has them from here.
"""

from django.utils import timezone

from batches.models import Batch
from batches.plan_ids import key
from batches.plan_labels import Labels
from batches.planning_input import staff_clashes
from batches.standing import Standing, standing_of
from batches.states import LIVE


def clashes_in_words(batch: Batch, standing: Standing | None = None) -> list[str]:
    """江启明同时带第1班和第2班，有的集中在同一天: a sentence each; none of gatherings that are over, nor before publication."""
    if batch.state not in LIVE:
        return []
    standing = standing or standing_of(batch, timezone.localdate())
    to_come = Standing(
        since=standing.since,
        held={place: stood for place, stood in standing.held.items() if stood.gathering.last_day >= standing.since},
    )
    found = [(key("S", user), key("K", one), key("K", other)) for user, one, other in staff_clashes(batch, to_come)]
    labels = Labels(" ".join(names) for names in found)
    return [
        f"{labels.of(user)}同时带{labels.of(one)}和{labels.of(other)}，有的集中在同一天" for user, one, other in found
    ]
