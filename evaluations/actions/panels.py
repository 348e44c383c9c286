"""Panels, who sits on them, and whom a member does not score."""

from accounts import audit
from accounts.models import User
from bases.models import HostHousehold
from batches.models import Enrollment, PracticeClass
from cadres.models import Unit
from config.errors import DomainError
from evaluations.models import Campaign, Panel, PanelMember, Recusal, Review

FORMING = (Campaign.State.DRAFT, Campaign.State.OPEN)
"""Panels and seats change until scoring is frozen."""


def _lock(campaign_id: int) -> Campaign:
    campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
    if campaign.state not in FORMING:
        raise DomainError("not_open", f"{campaign}{campaign.get_state_display()}，评审团和回避不能再改。")
    return campaign


def form_panel(*, campaign: Campaign, name: str, classes: list[PracticeClass], by: User) -> Panel:
    """A panel for some of the batch's classes; a class has one panel."""
    with audit.act("form_panel", by=by) as entry:
        locked = _lock(campaign.pk)
        _require_classes(locked, Panel(campaign=locked, name=name), classes)
        panel = Panel.objects.create(campaign=locked, name=name)
        panel.classes.set(classes)
        entry.about(panel)
    return panel


def change_panel(*, panel: Panel, name: str, classes: list[PracticeClass], by: User) -> None:
    """Another name or other classes. A class whose people the panel has begun to score stays with it."""
    with audit.act("change_panel", by=by, subject=panel):
        locked = _lock(panel.campaign_id)
        fresh = Panel.objects.get(pk=panel.pk)
        fresh.name = name
        _require_classes(locked, fresh, classes)
        dropped = set(fresh.classes.values_list("pk", flat=True)) - {row.pk for row in classes}
        begun = Review.objects.filter(member__panel=fresh, enrollment__memberships__practice_class__in=dropped)
        if dropped and begun.exclude(state=Review.State.VOID).exists():
            raise DomainError("sheets_begun", "要去掉的班已经有人评过分。请先作废那些表，或留着这个班。")
        fresh.save(update_fields=["name"])
        fresh.classes.set(classes)
    panel.name = name


def _require_classes(campaign: Campaign, panel: Panel, classes: list[PracticeClass]) -> None:
    if any(row.batch_id != campaign.batch_id for row in classes) or not classes:
        raise DomainError("wrong_classes", "请选这一期的班，至少一个。")
    others = campaign.panels.exclude(pk=panel.pk)
    if others.filter(name=panel.name).exists():
        raise DomainError("panel_exists", f"已经有“{panel.name}”。请换个名称。")
    if taken := others.filter(classes__in=classes).order_by("name").first():
        both = "、".join(row.short_name for row in taken.classes.filter(pk__in=[row.pk for row in classes]))
        raise DomainError("class_taken", f"{both}已由“{taken}”评。一个班只由一个评审团评，请去掉一边。")


def dissolve_panel(*, panel: Panel, by: User) -> None:
    """Take away a panel that was formed by mistake: only while nobody ever sat on it."""
    with audit.act("dissolve_panel", by=by, subject=panel):
        _lock(panel.campaign_id)
        if panel.members.exists():
            raise DomainError("panel_has_members", f"“{panel}”已经有过评审员，不能撤掉。可以改它评的班。")
        Panel.objects.filter(pk=panel.pk).delete()


def add_panel_member(
    *,
    panel: Panel,
    user: User,
    kind: str,
    by: User,
    unit: Unit | None = None,
    household: HostHousehold | None = None,
) -> PanelMember:
    """A seat with the next number. The unit or household is what recusal is found by.

    Somebody from a unit needs the unit, or their own people could not be kept from them.
    """
    if kind == PanelMember.Kind.UNIT and unit is None:
        raise DomainError("unit_needed", "相关单位的评审员要写明单位，系统靠它找出要回避的人。")
    with audit.act("add_panel_member", by=by, subject=panel, user=user.pk):
        _lock(panel.campaign_id)
        if panel.members.filter(user=user, live=True).exists():
            raise DomainError("already_member", f"{user}已经是“{panel}”的评审员。")
        last = panel.members.order_by("-number").first()
        return PanelMember.objects.create(
            panel=panel, number=last.number + 1 if last else 1, user=user, kind=kind, unit=unit, household=household
        )


def remove_panel_member(*, member: PanelMember, by: User, reason: str) -> None:
    """End a seat; its number is not used again. Sheets not handed in are given up, those handed in have to be voided first."""
    if not reason.strip():
        raise DomainError("reason_needed", "请写明为什么撤下，会记入审计。")
    with audit.act("remove_panel_member", by=by, subject=member.panel, reason=reason, member=member.number):
        _lock(member.panel.campaign_id)
        if member.reviews.filter(state=Review.State.CAST).exists():
            raise DomainError("already_cast", f"{member}已经交过表。要撤下，请先把交的表逐张作废。")
        member.reviews.filter(state=Review.State.DRAFT).update(
            state=Review.State.VOID, void_reason=reason.strip()[:200]
        )
        PanelMember.objects.filter(pk=member.pk).update(live=False)


def recuse(*, member: PanelMember, enrollment: Enrollment, reason: str, by: User) -> Recusal:
    """A member declares not to score somebody; a sheet not yet handed in is given up."""
    if not reason.strip():
        raise DomainError("reason_needed", "请写一句回避的原因，例如“亲戚”。")
    with audit.act("recuse", by=by, subject=enrollment, reason=reason, member=member.number):
        campaign = _lock(member.panel.campaign_id)
        sheets = Review.objects.filter(campaign=campaign, enrollment=enrollment, member=member)
        if sheets.filter(state=Review.State.CAST).exists():
            raise DomainError("already_cast", "这张表已经交了。要回避请联系服务中心先作废。")
        sheets.filter(state=Review.State.DRAFT).update(state=Review.State.VOID, void_reason="申请回避")
        recusal, _ = Recusal.objects.get_or_create(
            member=member, enrollment=enrollment, live=True, defaults={"reason": reason[:200]}
        )
    return recusal


def withdraw_recusal(*, recusal: Recusal, by: User, reason: str) -> None:
    """Take back a recusal that was declared by mistake; the row stays, no longer in force."""
    if not reason.strip():
        raise DomainError("reason_needed", "请写明为什么撤销回避，会记入审计。")
    with audit.act("withdraw_recusal", by=by, subject=recusal.enrollment, reason=reason, recusal=recusal.pk):
        _lock(recusal.member.panel.campaign_id)
        Recusal.objects.filter(pk=recusal.pk).update(live=False)
