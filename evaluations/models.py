"""Rubrics, campaigns, who scores whom, and the results that follow."""

import pghistory
import pgtrigger
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone


class Scorer(models.TextChoices):
    MENTOR = "mentor", "导师"
    HEAD_TEACHER = "head_teacher", "班主任"
    PANEL = "panel", "评审团"


@pghistory.track()
class Rubric(models.Model):
    """A score sheet; its criteria's weights sum to 100. A campaign pins one, and a pinned rubric no longer changes."""

    name = models.CharField("评分表", max_length=60)
    version = models.PositiveSmallIntegerField("版本", default=1, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "评分表"
        ordering = ["name", "-version"]
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="rubric_version_once")]

    def __str__(self) -> str:
        return f"{self.name}（第 {self.version} 版）" if self.version > 1 else self.name


@pghistory.track()
class Criterion(models.Model):
    """One line of a score sheet: what is looked at, its weight in percent, and who scores it."""

    rubric = models.ForeignKey(Rubric, models.CASCADE, related_name="criteria", verbose_name="评分表")
    order = models.PositiveSmallIntegerField("次序", default=1)
    name = models.CharField("评分项", max_length=40)
    description = models.CharField("看什么", max_length=100, blank=True)
    weight = models.PositiveSmallIntegerField("占比（%）", validators=[MinValueValidator(1), MaxValueValidator(100)])
    scorer = models.CharField("谁评", max_length=15, choices=Scorer.choices)

    class Meta:
        verbose_name = verbose_name_plural = "评分项"
        ordering = ["rubric", "order"]
        constraints = [models.UniqueConstraint(fields=["rubric", "name"], name="criterion_once_in_rubric")]
        triggers = [
            pgtrigger.Trigger(
                name="pinned_rubrics_do_not_change",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                func="""
                    IF EXISTS (SELECT 1 FROM evaluations_campaign
                                WHERE rubric_id IN (COALESCE(NEW.rubric_id, OLD.rubric_id), OLD.rubric_id)) THEN
                        RAISE EXCEPTION 'the criteria of a rubric that a campaign uses do not change'
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'pinned_rubrics_do_not_change';
                    END IF;
                    RETURN COALESCE(NEW, OLD);
                """,
            )
        ]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class Campaign(models.Model):
    """The evaluation of one batch under one rubric."""

    class State(models.TextChoices):
        DRAFT = "draft", "筹备"
        OPEN = "open", "评分中"
        FROZEN = "frozen", "已截止"
        COMPUTED = "computed", "已计算"
        FINAL = "final", "已定"

    batch = models.OneToOneField("batches.Batch", models.PROTECT, related_name="campaign", verbose_name="期")
    rubric = models.ForeignKey(Rubric, models.PROTECT, related_name="campaigns", verbose_name="评分表")
    state = models.CharField("状态", max_length=10, choices=State.choices, default=State.DRAFT)
    opens_on = models.DateField("开始评分", null=True, blank=True)
    closes_on = models.DateField("截止评分", null=True, blank=True, help_text="含当日；空着为不限")
    state_reason = models.CharField("说明", max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "评审"
        ordering = ["-batch__number"]
        triggers = [
            pgtrigger.Trigger(
                name="final_campaigns_do_not_change",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__state="final"),
                func="""
                    RAISE EXCEPTION 'a final campaign does not change'
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'final_campaigns_do_not_change';
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.batch}评审"


@pghistory.track()
class Panel(models.Model):
    """A panel (评审团) that scores one or more classes of a campaign."""

    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="panels", verbose_name="评审")
    name = models.CharField("评审团", max_length=40)
    classes = models.ManyToManyField("batches.PracticeClass", related_name="panels", verbose_name="评哪些班")

    class Meta:
        verbose_name = verbose_name_plural = "评审团"
        ordering = ["campaign", "name"]
        constraints = [models.UniqueConstraint(fields=["campaign", "name"], name="panel_name_once")]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class PanelMember(models.Model):
    """A member of a panel; villagers among them. The unit, where there is one, is what recusal looks at."""

    class Kind(models.TextChoices):
        VILLAGER = "villager", "群众"
        UNIT = "unit", "相关单位"
        ADVISER = "adviser", "乡村振兴指导员"

    panel = models.ForeignKey(Panel, models.PROTECT, related_name="members", verbose_name="评审团")
    number = models.PositiveSmallIntegerField("评审员号")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="panel_seats", verbose_name="账号")
    kind = models.CharField("身份", max_length=10, choices=Kind.choices)
    unit = models.ForeignKey(
        "cadres.Unit", models.PROTECT, null=True, blank=True, related_name="+", verbose_name="单位"
    )
    household = models.ForeignKey(
        "bases.HostHousehold", models.PROTECT, null=True, blank=True, related_name="+", verbose_name="本人是哪户农户"
    )
    live = models.BooleanField("在任", default=True)

    class Meta:
        verbose_name = verbose_name_plural = "评审团成员"
        ordering = ["panel", "number"]
        constraints = [
            models.UniqueConstraint(fields=["panel", "number"], name="panel_number_once"),
            models.UniqueConstraint(fields=["panel", "user"], condition=Q(live=True), name="panel_seat_once"),
        ]

    def __str__(self) -> str:
        return f"评审员{self.number}号"


@pghistory.track()
class Recusal(models.Model):
    """A panel member does not score a cadre: declared here, beside those that are found (same unit, guest, mentor)."""

    member = models.ForeignKey(PanelMember, models.PROTECT, related_name="recusals", verbose_name="评审员")
    enrollment = models.ForeignKey("batches.Enrollment", models.PROTECT, related_name="recusals", verbose_name="学员")
    reason = models.CharField("原因", max_length=200)
    created_at = models.DateTimeField("时间", default=timezone.now)
    live = models.BooleanField("有效", default=True)

    class Meta:
        verbose_name = verbose_name_plural = "回避"
        ordering = ["member", "enrollment"]
        constraints = [
            models.UniqueConstraint(fields=["member", "enrollment"], condition=Q(live=True), name="recused_once")
        ]


@pghistory.track()
class Review(models.Model):
    """One scorer's sheet for one cadre in a campaign. `client_id` makes a resend find the same sheet."""

    class State(models.TextChoices):
        DRAFT = "draft", "未交"
        CAST = "cast", "已交"
        VOID = "void", "已作废"

    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="reviews", verbose_name="评审")
    enrollment = models.ForeignKey("batches.Enrollment", models.PROTECT, related_name="reviews", verbose_name="学员")
    scorer = models.CharField("谁评", max_length=15, choices=Scorer.choices)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="reviews", verbose_name="评分人")
    member = models.ForeignKey(
        PanelMember, models.PROTECT, null=True, blank=True, related_name="reviews", verbose_name="评审员"
    )
    state = models.CharField("状态", max_length=10, choices=State.choices, default=State.DRAFT)
    comment = models.TextField("想说的话", max_length=2000, blank=True)
    cast_at = models.DateTimeField("交表时间", null=True, blank=True)
    void_reason = models.CharField("作废原因", max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "评分"
        ordering = ["campaign", "enrollment", "scorer"]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "enrollment", "user", "scorer"],
                condition=~Q(state="void"),
                name="one_sheet_a_scorer",
            ),
            models.CheckConstraint(
                condition=~Q(scorer="panel") | Q(member__isnull=False), name="panel_sheet_names_its_member"
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="sheets_only_while_open",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    PERFORM 1 FROM evaluations_campaign WHERE id = NEW.campaign_id AND state = 'open' FOR SHARE;
                    IF NOT FOUND THEN
                        RAISE EXCEPTION 'sheets change only while scoring is open'
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'sheets_only_while_open';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="cast_sheets_are_only_voided",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=~pgtrigger.Q(old__state="draft"),
                func="""
                    IF TG_OP = 'UPDATE' AND OLD.state = 'cast' AND NEW.state = 'void' AND NEW.void_reason <> ''
                       AND (NEW.campaign_id, NEW.enrollment_id, NEW.user_id, NEW.scorer, NEW.comment, NEW.cast_at)
                           IS NOT DISTINCT FROM
                           (OLD.campaign_id, OLD.enrollment_id, OLD.user_id, OLD.scorer, OLD.comment, OLD.cast_at) THEN
                        RETURN NEW;
                    END IF;
                    RAISE EXCEPTION 'a sheet that was handed in is only voided, with its reason'
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'cast_sheets_are_only_voided';
                """,
            ),
            pgtrigger.Trigger(
                name="sheets_by_the_right_people",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                condition=~pgtrigger.Q(new__state="void"),
                declare=[("candidate", "cadres_cadre%ROWTYPE")],
                func="""
                    SELECT c.* INTO candidate FROM cadres_cadre c JOIN batches_enrollment e ON e.cadre_id = c.id
                     WHERE e.id = NEW.enrollment_id;
                    IF candidate.user_id = NEW.user_id THEN
                        RAISE EXCEPTION 'nobody scores themselves'
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'nobody_scores_themselves';
                    END IF;
                    IF NEW.scorer <> 'panel' THEN
                        RETURN NEW;
                    END IF;
                    IF NOT EXISTS (SELECT 1 FROM evaluations_panelmember WHERE id = NEW.member_id AND user_id = NEW.user_id) THEN
                        RAISE EXCEPTION 'a panel sheet is of the member whom it names'
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'panel_sheet_of_its_member';
                    END IF;
                    IF EXISTS (SELECT 1 FROM evaluations_panelmember WHERE id = NEW.member_id AND unit_id = candidate.unit_id)
                       OR EXISTS (SELECT 1 FROM cadres_cadre WHERE user_id = NEW.user_id AND unit_id = candidate.unit_id) THEN
                        RAISE EXCEPTION 'nobody on a panel scores the own unit''s people'
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'nobody_scores_the_own_unit';
                    END IF;
                    IF EXISTS (SELECT 1 FROM evaluations_recusal
                                WHERE member_id = NEW.member_id AND enrollment_id = NEW.enrollment_id AND live) THEN
                        RAISE EXCEPTION 'nobody scores whom they are recused from'
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'nobody_scores_where_recused';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]


@pghistory.track()
class Score(models.Model):
    review = models.ForeignKey(Review, models.PROTECT, related_name="scores", verbose_name="评分")
    criterion = models.ForeignKey(Criterion, models.PROTECT, related_name="scores", verbose_name="评分项")
    value = models.PositiveSmallIntegerField("分数", validators=[MaxValueValidator(100)])

    class Meta:
        verbose_name = verbose_name_plural = "分数"
        ordering = ["review", "criterion__order"]
        constraints = [
            models.UniqueConstraint(fields=["review", "criterion"], name="scored_once_a_criterion"),
            models.CheckConstraint(condition=Q(value__lte=100), name="score_at_most_100"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="cast_sheets_do_not_change",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                func="""
                    IF (SELECT state FROM evaluations_review WHERE id = COALESCE(NEW.review_id, OLD.review_id)) <> 'draft' THEN
                        RAISE EXCEPTION 'a score sheet that was handed in does not change'
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'cast_sheets_do_not_change';
                    END IF;
                    RETURN COALESCE(NEW, OLD);
                """,
            )
        ]


@pghistory.track()
class Result(models.Model):
    """A cadre's result: weighted score, what was missing and how that was treated, and the grade."""

    class Grade(models.TextChoices):
        EXCELLENT = "excellent", "优秀"
        GOOD = "good", "良好"
        PASS = "pass", "合格"
        FAIL = "fail", "不合格"
        NONE = "none", "暂无结果"

    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="results", verbose_name="评审")
    enrollment = models.ForeignKey("batches.Enrollment", models.PROTECT, related_name="results", verbose_name="学员")
    score = models.DecimalField("得分", max_digits=5, decimal_places=2, null=True)
    details = models.JSONField("各项得分", default=list)
    missing = models.CharField("缺的评分与处理", max_length=300, blank=True)
    grade = models.CharField("等次", max_length=10, choices=Grade.choices)
    tied = models.BooleanField("同分待评审团议定", default=False)
    computed_at = models.DateTimeField("计算时间", default=timezone.now)

    class Meta:
        verbose_name = verbose_name_plural = "评审结果"
        ordering = ["campaign", "enrollment__cadre__sort_name"]
        constraints = [models.UniqueConstraint(fields=["campaign", "enrollment"], name="one_result_a_cadre")]
        triggers = [
            pgtrigger.Trigger(
                name="final_results_do_not_change",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func="""
                    IF (SELECT state FROM evaluations_campaign WHERE id = OLD.campaign_id) = 'final' THEN
                        RAISE EXCEPTION 'final results do not change'
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'final_results_do_not_change';
                    END IF;
                    RETURN COALESCE(NEW, OLD);
                """,
            )
        ]
