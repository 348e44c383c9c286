"""Gatherings: where and when, who sleeps in which bed, and who was there (presence follows from facts)."""

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from batches.models.batch import Enrollment, PracticeClass


@pghistory.track()
class Gathering(models.Model):
    """A class's days in a village, first to last day both there. `index` counts the fortnights of its parity."""

    class State(models.TextChoices):
        PLANNED = "planned", "已安排"
        HELD = "held", "已集中"
        CONFIRMED = "confirmed", "已确认"
        CANCELLED = "cancelled", "已取消"

    practice_class = models.ForeignKey(PracticeClass, models.PROTECT, related_name="gatherings", verbose_name="班")
    index = models.PositiveSmallIntegerField("第几次")
    first_day = models.DateField("到村")
    last_day = models.DateField("离村")
    state = models.CharField("状态", max_length=10, choices=State.choices, default=State.PLANNED)
    state_reason = models.CharField("原因", max_length=200, blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="确认人"
    )
    confirmed_at = models.DateTimeField("确认时间", null=True, blank=True)
    signed_sheet = models.ForeignKey(
        "office.StoredFile", models.PROTECT, null=True, blank=True, related_name="+", verbose_name="签到表扫描件"
    )

    class Meta:
        verbose_name = verbose_name_plural = "集中"
        ordering = ["first_day", "practice_class__number"]
        constraints = [
            models.UniqueConstraint(
                fields=["practice_class", "index"], condition=~Q(state="cancelled"), name="gathering_once_a_fortnight"
            ),
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="gathering_days_forward"),
            models.CheckConstraint(
                condition=~Q(state="confirmed") | Q(confirmed_by__isnull=False, confirmed_at__isnull=False),
                name="confirmed_gathering_says_by_whom",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.practice_class}第{self.index}次集中"

    @property
    def days(self) -> int:
        return (self.last_day - self.first_day).days + 1

    @property
    def nights(self) -> int:
        return self.days - 1

    @property
    def is_live(self) -> bool:
        return self.state != self.State.CANCELLED


@pghistory.track()
class GatheringSite(models.Model):
    """A base of a gathering, in order of travel, with the use of the base that it takes up."""

    gathering = models.ForeignKey(Gathering, models.PROTECT, related_name="sites", verbose_name="集中")
    base = models.ForeignKey("bases.PracticeBase", models.PROTECT, related_name="gathering_sites", verbose_name="基地")
    order = models.PositiveSmallIntegerField("次序", default=1)
    people = models.PositiveSmallIntegerField("人数")
    use = models.OneToOneField(
        "bases.BaseUse", models.PROTECT, null=True, blank=True, related_name="gathering_site", verbose_name="基地使用"
    )
    live = models.BooleanField("有效", default=True)

    class Meta:
        verbose_name = verbose_name_plural = "集中地点"
        ordering = ["gathering", "order"]
        constraints = [
            models.UniqueConstraint(fields=["gathering", "base"], condition=Q(live=True), name="site_once_a_gathering")
        ]

    @property
    def person_days(self) -> int:
        """People × days of this visit."""
        return self.people * self.gathering.days


@pghistory.track()
class Lodging(models.Model):
    """A member's bed at a gathering. Stay, sex, household and who shares with whom are copied by trigger."""

    gathering = models.ForeignKey(Gathering, models.PROTECT, related_name="lodgings", verbose_name="集中")
    enrollment = models.ForeignKey(Enrollment, models.PROTECT, related_name="lodgings", verbose_name="学员")
    bed = models.ForeignKey("bases.Bed", models.PROTECT, related_name="lodgings", verbose_name="床位")
    live = models.BooleanField("有效", default=True)
    stay = DateRangeField("住宿", editable=False, null=True, help_text="[到村, 离村)，即各夜")  # type: ignore[misc] # the trigger fills it
    sex = models.CharField("性别", max_length=1, editable=False, blank=True)
    household = models.ForeignKey(
        "bases.HostHousehold", models.PROTECT, related_name="lodgings", editable=False, null=True, verbose_name="农户"
    )
    shared = models.CharField("同住范围", max_length=24, editable=False, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "住宿"
        ordering = ["gathering", "household", "bed"]
        constraints = [
            ExclusionConstraint(
                name="one_person_a_bed_a_night",
                expressions=[("bed", RangeOperators.EQUAL), ("stay", RangeOperators.OVERLAPS)],
                condition=Q(live=True), deferrable=models.Deferrable.DEFERRED,
                violation_error_message="这张床当晚已有人。",
            ),
            ExclusionConstraint(
                name="one_bed_a_person_a_night",
                expressions=[("enrollment", RangeOperators.EQUAL), ("stay", RangeOperators.OVERLAPS)],
                condition=Q(live=True), deferrable=models.Deferrable.DEFERRED,
                violation_error_message="这名学员当晚已另有床位。",
            ),
            ExclusionConstraint(
                name="one_sex_a_household_a_night",
                expressions=[
                    ("shared", RangeOperators.EQUAL), ("stay", RangeOperators.OVERLAPS), ("sex", RangeOperators.NOT_EQUAL),
                ],
                condition=Q(live=True), deferrable=models.Deferrable.DEFERRED,
                violation_error_message="同一户（或同一间）当晚只能住同性别。",
            ),
        ]  # fmt: skip
        triggers = [
            pgtrigger.Trigger(
                name="copy_facts",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                declare=[("single_sex", "boolean"), ("household_state", "varchar"), ("room", "bigint")],
                func="""
                    SELECT daterange(g.first_day, g.last_day, '[)'), p.household_single_sex
                      INTO NEW.stay, single_sex
                      FROM batches_gathering g JOIN batches_practiceclass k ON k.id = g.practice_class_id
                      JOIN batches_batch b ON b.id = k.batch_id JOIN batches_programme p ON p.id = b.programme_id
                     WHERE g.id = NEW.gathering_id;
                    SELECT c.sex INTO NEW.sex FROM batches_enrollment e JOIN cadres_cadre c ON c.id = e.cadre_id
                     WHERE e.id = NEW.enrollment_id;
                    SELECT r.household_id, r.id, h.state INTO NEW.household_id, room, household_state
                      FROM bases_bed d JOIN bases_room r ON r.id = d.room_id
                      JOIN bases_hosthousehold h ON h.id = r.household_id WHERE d.id = NEW.bed_id;
                    NEW.shared = CASE WHEN single_sex THEN 'H' || NEW.household_id ELSE 'R' || room END;
                    IF NEW.live AND household_state <> 'admitted'
                       AND (TG_OP = 'INSERT' OR NOT OLD.live OR NEW.bed_id <> OLD.bed_id) THEN
                        RAISE EXCEPTION 'household % is not admitted', NEW.household_id
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'guests_only_in_admitted_households';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]


@pghistory.track()
class Absence(models.Model):
    """Days of a gathering on which a member was not there: the one thing that is entered (attendance by exception)."""

    class Kind(models.TextChoices):
        LEAVE = "leave", "请假"
        LATE = "late", "晚到"
        EARLY = "early", "早退"
        UNEXCUSED = "unexcused", "没有来也没有请假"

    class State(models.TextChoices):
        ENTERED = "entered", "已登记"
        APPROVED = "approved", "已准假"
        REFUSED = "refused", "未准"
        VOID = "void", "已作废"

    gathering = models.ForeignKey(Gathering, models.PROTECT, related_name="absences", verbose_name="集中")
    enrollment = models.ForeignKey(Enrollment, models.PROTECT, related_name="absences", verbose_name="学员")
    kind = models.CharField("情形", max_length=10, choices=Kind.choices, default=Kind.LEAVE)
    first_day = models.DateField("自")
    last_day = models.DateField("至", help_text="含当日")
    whole_days = models.BooleanField("全天", default=True, help_text="晚到、早退不足一天的不扣天数")
    reason = models.CharField("原因", max_length=200, blank=True)
    state = models.CharField("状态", max_length=10, choices=State.choices, default=State.ENTERED)
    entered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name="登记人")
    client_id = models.UUIDField("提交编号", unique=True, null=True, blank=True)
    created_at = models.DateTimeField("登记时间", default=timezone.now)

    class Meta:
        verbose_name = verbose_name_plural = "缺勤"
        ordering = ["gathering", "first_day"]
        constraints = [models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="absence_forward")]


@pghistory.track()
class MakeUp(models.Model):
    """A member joins another class's gathering to make up days."""

    enrollment = models.ForeignKey(Enrollment, models.PROTECT, related_name="makeups", verbose_name="学员")
    gathering = models.ForeignKey(Gathering, models.PROTECT, related_name="makeups", verbose_name="随哪次集中")
    reason = models.CharField("补什么", max_length=200)
    entered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name="登记人")
    live = models.BooleanField("有效", default=True)

    class Meta:
        verbose_name = verbose_name_plural = "补课"
        ordering = ["gathering", "enrollment"]
        constraints = [
            models.UniqueConstraint(
                fields=["enrollment", "gathering"], condition=Q(live=True), name="makeup_once_a_gathering"
            )
        ]


class ConfirmedPresence(models.Model):
    """What a confirmed gathering froze: a member's days there. A correction is a new row that says which it corrects."""

    gathering = models.ForeignKey(Gathering, models.PROTECT, related_name="presences", verbose_name="集中")
    enrollment = models.ForeignKey(Enrollment, models.PROTECT, related_name="presences", verbose_name="学员")
    days = models.PositiveSmallIntegerField("在村天数")
    nights = models.PositiveSmallIntegerField("住宿夜数")
    corrects = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="corrected_by", verbose_name="更正"
    )
    reason = models.CharField("更正原因", max_length=200, blank=True)
    entered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name="登记人")
    created_at = models.DateTimeField("时间", default=timezone.now)

    web_rights = "SELECT, INSERT"

    class Meta:
        verbose_name = verbose_name_plural = "在村确认"
        ordering = ["gathering", "enrollment"]
        constraints = [
            models.UniqueConstraint(
                fields=["gathering", "enrollment"], condition=Q(corrects__isnull=True), name="presence_frozen_once"
            )
        ]
        triggers = [pgtrigger.Protect(name="never_changes", operation=pgtrigger.Update | pgtrigger.Delete)]
