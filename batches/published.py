"""What became of each published version: from which day it holds, what took its place, whether it was withdrawn."""

import datetime
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import timezone

from accounts.models import AuditEntry
from batches.models import Batch, PlanRun, PlanVersion
from batches.standing import first_open_day
from config.errors import DomainError

DAY = datetime.timedelta(days=1)
IN_FORCE, REPLACED, WITHDRAWN = "in_force", "replaced", "withdrawn"


@dataclass(frozen=True)
class Published:
    """A version with the first day on which it holds; `until` is its last day, or the day on which it was withdrawn. One that
    the next has taken the place of holds up to that last day, and is `replaced` only afterwards."""

    version: PlanVersion
    place: str
    since: datetime.date
    until: datetime.date | None = None

    @property
    def is_coming(self) -> bool:
        """Published, but what stood before holds for today."""
        return self.place == IN_FORCE and self.since > timezone.localdate()

    @property
    def is_ending(self) -> bool:
        """In force today, with the next one published already."""
        return self.place == IN_FORCE and self.until is not None

    @property
    def chip(self) -> tuple[str, str, str]:
        """What became of it: kind, word and icon."""
        if self.place == WITHDRAWN:
            return "mute", "已撤回", "arrow-back-up"
        if self.place == REPLACED:
            return "mute", "已换新版", "archive"
        if self.until is not None:
            return "ok", f"用到{self.until.month}月{self.until.day}日", "circle-check"
        return ("info", "将要执行", "clock") if self.is_coming else ("ok", "正在执行", "circle-check")

    @property
    def told(self) -> str:
        """Since when it holds, and until when."""
        since = f"{self.since:%Y-%m-%d} 起执行"
        if self.until is None:
            return since
        if self.place == WITHDRAWN:
            return f"{self.until:%Y-%m-%d} 撤回"
        return f"{since}，到 {self.until:%Y-%m-%d} 止" if self.until >= self.since else "还没有执行就换了新的一版"


def published_versions(batch: Batch) -> list[Published]:
    """Every version of a batch, the newest first (2 queries).

    `_holds_from` says from which day each holds.
    """
    found: list[Published] = []
    taken_back = _withdrawals([batch.pk]).get(batch.pk, {})
    today = timezone.localdate()
    for row in batch.plan_versions.select_related("published_by").order_by("number"):
        follows = bool(found) and found[-1].place != WITHDRAWN
        since = _holds_from(batch, row.published_at, follows=follows)
        withdrawn = taken_back.get(row.number)
        if follows:
            before, until = found[-1], since - DAY
            ending = withdrawn is None and before.since <= today <= until
            found[-1] = Published(before.version, IN_FORCE if ending else REPLACED, before.since, until)
        found.append(Published(row, WITHDRAWN if withdrawn else IN_FORCE, since, withdrawn))
    return found[::-1]


def _holds_from(batch: Batch, published_at: datetime.datetime, *, follows: bool) -> datetime.date:
    """The first day on which a version holds: one that `follows` a version in force changes nothing before the day after it
    was published (`standing.first_open_day`); any other holds for the whole batch.
    """
    return first_open_day(batch, timezone.localdate(published_at)) if follows else batch.first_day


def since_of(batches: Iterable[Batch]) -> dict[int, datetime.date]:
    """The first day of the version in force of each batch that has one, as `published_versions` tells it (2 queries)."""
    by_pk = {row.pk: row for row in batches}
    versions: dict[int, list[tuple[int, datetime.datetime]]] = defaultdict(list)
    rows = PlanVersion.objects.filter(batch__in=by_pk).order_by("number")
    for pk, number, at in rows.values_list("batch", "number", "published_at"):
        versions[pk].append((number, at))
    taken_back = _withdrawals(versions)
    found = {}
    for pk, known in versions.items():
        follows = len(known) > 1 and known[-2][0] not in taken_back.get(pk, {})
        found[pk] = _holds_from(by_pk[pk], known[-1][1], follows=follows)
    return found


def exportable_run(batch: Batch, *, version: int | None = None) -> PlanRun:
    """The run behind a published version (the newest if none is named). Raises DomainError where there is none."""
    versions = batch.plan_versions.select_related("run__programme").order_by("-number")
    found = versions.first() if version is None else versions.filter(number=version).first()
    if found is None:
        what = "还没有发布过方案" if version is None else f"没有第 {version} 版方案"
        raise DomainError("no_version", f"{batch}{what}。")
    if found.run is None:
        raise DomainError("no_run", f"{batch}第 {found.number} 版没有留下编排记录，不能导出。")
    return found.run


def _withdrawals(batches: Iterable[int]) -> dict[int, dict[int, datetime.date]]:
    """Batch → version → the day on which it was taken back, as the trail tells in its own order."""
    rows = AuditEntry.objects.filter(
        act__in=("publish_plan", "withdraw_publication"),
        subject_type="batches.Batch",
        subject_id__in=[str(pk) for pk in batches],
    )
    found: dict[int, dict[int, datetime.date]] = defaultdict(dict)
    number: dict[str, int] = {}
    for act, pk, data, at in rows.order_by("seq").values_list("act", "subject_id", "data", "at"):
        if act == "publish_plan":
            number[pk] = json.loads(data)["version"]
        else:
            found[int(pk)][number.get(pk, 0)] = timezone.localdate(at)
    return found
