"""Taking up a base and giving it back: the one place where capacity is kept (invariant 3)."""

import datetime
from collections.abc import Iterable

from accounts import audit
from accounts.models import User
from bases import queries
from bases.models import BaseUse, PracticeBase, shown_days
from config.errors import DomainError


def lock_bases(bases: Iterable[int]) -> dict[int, PracticeBase]:
    """Lock base rows (by primary key) for the rest of the transaction, in one order, so that two acts never wait crosswise.

    The named lock of invariant 3: whoever adds people to a base, closes it or takes beds away holds its row first. Call it
    first when one act reserves several bases. Raises DomainError("base_unknown").
    """
    wanted = set(bases)
    locked = {base.pk: base for base in PracticeBase.objects.select_for_update().filter(pk__in=wanted).order_by("pk")}
    if wanted - locked.keys():
        raise DomainError("base_unknown", "有基地已不存在。请刷新页面后重新选择。")
    return locked


def reserve_base(
    *,
    base: PracticeBase,
    first_day: datetime.date,
    last_day: datetime.date,
    people: int,
    kind: str,
    source: str,
    by: User | None,
    spare_beds: int = 0,
) -> BaseUse:
    """Put `people` at a base from first to last day (both included) and return the use.

    Promises that on every day all people there are within the declared capacity, and that in every night those of
    gatherings are within the usable beds less `spare_beds`; outside guests take capacity, not beds (R12, R13 of docs/rules.md).
    `kind` is a `BaseUse.Kind`, `source` says in Chinese who comes. Raises DomainError "days_backwards", "no_people",
    "base_retired", "base_closed", "base_full", "beds_short".
    """
    _check_days(first_day, last_day, people)
    with audit.act("reserve_base", by=by) as entry:
        locked = lock_bases([base.pk])[base.pk]
        _check_room(locked, first_day, last_day, people, kind, spare_beds)
        use = BaseUse.objects.create(
            base=locked, days=queries.period(first_day, last_day), people=people, kind=kind, source=source[:100]
        )
        entry.about(use)
        entry.data["people"] = people
    return use


def change_reservation(
    *,
    use: BaseUse,
    first_day: datetime.date,
    last_day: datetime.date,
    people: int,
    by: User | None,
    base: PracticeBase | None = None,
    spare_beds: int = 0,
) -> BaseUse:
    """Move a use to other days, people or another base, keeping its row; promises and errors as `reserve_base`. Fewer people
    on the same days are never refused.

    Raises DomainError("use_released") when it was given back in the meantime.
    """
    _check_days(first_day, last_day, people)
    with audit.act("change_reservation", by=by) as entry:
        target = base or use.base
        locked = lock_bases({use.base_id, target.pk})[target.pk]
        current = _current(use)
        days = queries.period(first_day, last_day)
        if (target.pk, days) != (current.base_id, current.days) or people > current.people:
            _check_room(locked, first_day, last_day, people, current.kind, spare_beds, without=current)
        entry.data.update(was=shown_days(current.days), was_people=current.people, people=people)
        current.base, current.days, current.people = locked, days, people
        current.save()
        entry.about(current)
    return current


def release_base(*, use: BaseUse, by: User | None, reason: str = "") -> BaseUse:
    """Give a base back; the row stays, no longer live. Raises DomainError("use_released") when it already was."""
    with audit.act("release_base", by=by, subject=use, reason=reason):
        lock_bases([use.base_id])
        current = _current(use)
        current.live = False
        current.save(update_fields=["live"])
    return current


def enter_outside_use(
    *, base: PracticeBase, first_day: datetime.date, last_day: datetime.date, people: int, source: str, by: User
) -> BaseUse:
    """Enter an outside party (主题党日、团建、研学) at a base; promises and errors as `reserve_base`.

    Raises DomainError("source_missing") when it is not said who comes and why.
    """
    if not source.strip():
        raise DomainError("source_missing", "没有写明谁来、为什么来。请填写来访单位与事由。")
    return reserve_base(
        base=base, first_day=first_day, last_day=last_day, people=people, kind=BaseUse.Kind.OUTSIDE,
        source=source.strip(), by=by,
    )  # fmt: skip


def cancel_outside_use(*, use: BaseUse, reason: str, by: User) -> BaseUse:
    """Strike an outside party off; the row stays with the reason in its history.

    Raises DomainError "reason_missing", "not_outside" (a gathering is cancelled with its class), "use_released".
    """
    if not reason.strip():
        raise DomainError("reason_missing", "没有写明为什么取消。请填写原因。")
    if use.kind != BaseUse.Kind.OUTSIDE:
        raise DomainError("not_outside", "这是班级集中，不能在这里取消。请在班级的集中安排里取消或改期。")
    return release_base(use=use, by=by, reason=reason.strip())


def _check_days(first_day: datetime.date, last_day: datetime.date, people: int) -> None:
    if last_day < first_day:
        raise DomainError("days_backwards", "最后一天早于第一天。请改日期。")
    if people < 1:
        raise DomainError("no_people", "人数要在 1 人以上。请改人数。")


def _current(use: BaseUse) -> BaseUse:
    """The row as it stands under the lock."""
    current = BaseUse.objects.select_related("base").get(pk=use.pk)
    if not current.live:
        raise DomainError("use_released", f"“{current.source}”已经取消，没有再改。请刷新页面看最新安排。")
    return current


def _check_room(
    base: PracticeBase,
    first: datetime.date,
    last: datetime.date,
    people: int,
    kind: str,
    spare_beds: int,
    *,
    without: BaseUse | None = None,
) -> None:
    if base.state != PracticeBase.State.OPEN:
        raise DomainError("base_retired", f"{base}已停办，不能安排。请换一个基地。")
    closure = queries.live_closures([base], first, last).filter(base=base).first()
    if closure is not None:
        raise DomainError(
            "base_closed",
            f"{base} {shown_days(closure.days)}停接（{closure.reason or closure.get_kind_display()}）。请换日期或换基地。",
        )
    there = queries.people_by_day_of([base], first, last, without=without)[base.pk]
    for day, others in there.items():
        if others.total + people > base.declared_capacity:
            raise DomainError(
                "base_full",
                f"{base} {day} 已有 {others.total} 人，再来 {people} 人超过日均承载 {base.declared_capacity} 人。"
                "请减少人数、换日期或换基地。",
            )
    if kind == BaseUse.Kind.OUTSIDE or first == last:
        return
    for night, beds in queries.beds_by_night(base, first, last - queries.DAY).items():
        taken = there[night].sleeping
        if taken + people > beds - spare_beds:
            raise DomainError(
                "beds_short",
                f"{base} {night} 晚可用床位 {beds} 张，已住 {taken} 人，留空 {spare_beds} 张，住不下 {people} 人。"
                "请换日期、换基地或增加床位。",
            )
