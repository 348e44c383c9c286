"""What evaluations must never break (invariants 8 and 9), asked of the rows."""

from django.apps import apps
from django.db.models import BigIntegerField, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from cadres.models import Cadre
from evaluations.actions.results import outcomes_of
from evaluations.candidates import class_of
from evaluations.models import Campaign, Recusal, Result, Review, Rubric, Scorer
from evaluations.queries import COMPUTED
from evaluations.results import EXCELLENT, quota
from office.invariants import Invariant


def _sheets() -> QuerySet[Review]:
    return (
        Review.objects.filter(state=Review.State.CAST)
        .select_related("enrollment__cadre", "campaign__batch")
        .order_by("pk")
    )


def _told(reviews: QuerySet[Review]) -> list[str]:
    return [f"{row.campaign}：评分编号 {row.pk}，{row.enrollment}（{row.get_scorer_display()}）" for row in reviews]


def scored_themselves() -> list[str]:
    """8a: no sheet in force about the scorer."""
    return _told(_sheets().filter(enrollment__cadre__user=F("user")))


def scored_the_own_unit() -> list[str]:
    """8b: no panel sheet in force about somebody who was of the member's unit when it was handed in."""
    history = apps.get_model("cadres", "CadreEvent").objects
    then = history.filter(pgh_obj=OuterRef("enrollment__cadre"), pgh_created_at__lte=OuterRef("cast_at"))
    sheets = _sheets().filter(scorer=Scorer.PANEL).annotate(
        unit_then=Coalesce(
            Subquery(then.order_by("-pgh_created_at", "-pgh_id").values("unit")[:1]), F("enrollment__cadre__unit"),
            output_field=BigIntegerField(),
        )
    )  # fmt: skip
    colleague = history.filter(
        user=OuterRef("user"), pgh_created_at__lte=OuterRef("cast_at"), unit=OuterRef("unit_then")
    )
    still = Cadre.objects.filter(user=OuterRef("user"), unit=OuterRef("unit_then"))
    return _told(sheets.filter(Q(member__unit=F("unit_then")) | (Exists(colleague) & Exists(still))))


def scored_where_recused() -> list[str]:
    """8c: no panel sheet in force about somebody from whom the member is recused."""
    declared = Recusal.objects.filter(live=True, member=OuterRef("member"), enrollment=OuterRef("enrollment"))
    return _told(_sheets().filter(Exists(declared)))


def seats_of_others() -> list[str]:
    """8d: a panel sheet is of the member whom it names, and of the campaign whose panel that is."""
    wrong = ~Q(member__user=F("user")) | ~Q(member__panel__campaign=F("campaign"))
    return _told(_sheets().filter(Q(scorer=Scorer.PANEL) & wrong))


def unsound_rubrics() -> list[str]:
    """9d: the weights of a rubric that a campaign uses sum to 100."""
    used = Rubric.objects.filter(campaigns__isnull=False).distinct().annotate(lines=Count("criteria", distinct=True))
    bad = []
    for rubric in used.order_by("pk"):
        total = rubric.criteria.aggregate(total=Sum("weight"))["total"] or 0
        if total != 100:
            bad.append(f"{rubric}（编号 {rubric.pk}）各项占比合计 {total}%")
    return bad


def incomplete_sheets() -> list[str]:
    """9e: a sheet that was handed in has a score for each criterion of its scorer, and none of another's."""
    bad = []
    for campaign in Campaign.objects.select_related("batch", "rubric").order_by("pk"):
        for scorer in Scorer:
            lines = set(campaign.rubric.criteria.filter(scorer=scorer).values_list("pk", flat=True))
            sheets = _sheets().filter(campaign=campaign, scorer=scorer)
            odd = sheets.annotate(
                given=Count("scores", filter=Q(scores__criterion__in=lines)), all_given=Count("scores")
            ).exclude(given=len(lines), all_given=len(lines))
            bad += _told(odd)
    return bad


def results_that_do_not_follow() -> list[str]:
    """9f: computing again from the sheets gives every standing result; a tie may have been decided by the panel.

    Once final, the people are those who have a result: whoever leaves later keeps it.
    """
    bad = []
    for campaign in _computed():
        results = {row.enrollment_id: row for row in campaign.results.select_related("enrollment").order_by("pk")}
        is_final = campaign.state == Campaign.State.FINAL
        outcomes = outcomes_of(campaign, [row.enrollment for row in results.values()] if is_final else None)
        bad += [f"{campaign}：学员编号 {pk} 没有结果" for pk in sorted(set(outcomes) - set(results))]
        for pk, row in results.items():
            again = outcomes.get(pk)
            if again is None or (row.score, row.missing, row.details) != (again.score, again.missing, again.details):
                bad.append(f"{campaign}：学员编号 {pk} 的得分与交来的表不符")
            elif row.grade != again.grade and not (again.tied and not row.tied and row.grade == Result.Grade.EXCELLENT):
                bad.append(f"{campaign}：学员编号 {pk} 的等次与得分不符")
    return bad


def too_many_excellent() -> list[str]:
    """9g: at most ⌊share × class⌋ of a class are 优秀, and nobody below 90."""
    bad = []
    for campaign in _computed():
        rows = list(campaign.results.select_related("enrollment").order_by("pk"))
        classes = class_of([row.enrollment for row in rows])
        sizes: dict[int, list[Result]] = {}
        for row in rows:
            sizes.setdefault(classes[row.enrollment_id].pk, []).append(row)
            if row.grade == Result.Grade.EXCELLENT and (row.score is None or row.score < EXCELLENT):
                bad.append(f"{campaign}：学员编号 {row.enrollment_id} 不到 {EXCELLENT} 分定了优秀")
        for members in sizes.values():
            places = quota(len(members), campaign.batch.programme.excellent_percent)
            found = sum(row.grade == Result.Grade.EXCELLENT for row in members)
            if found > places:
                bad.append(
                    f"{campaign}：{classes[members[0].enrollment_id].short_name}优秀 {found} 人，名额 {places} 人"
                )
    return bad


def open_ties() -> list[str]:
    """9h: no tie is left where results are final."""
    rows = Result.objects.filter(tied=True, campaign__state=Campaign.State.FINAL).select_related("campaign__batch")
    return [f"{row.campaign}：学员编号 {row.enrollment_id} 同分没有议定" for row in rows.order_by("pk")]


def _computed() -> QuerySet[Campaign]:
    return Campaign.objects.filter(state__in=COMPUTED).select_related("batch__programme", "rubric").order_by("pk")


INVARIANTS: list[Invariant] = [
    Invariant("8d", "没有人给自己评分", scored_themselves),
    Invariant("8e", "评审员不评本单位的人", scored_the_own_unit),
    Invariant("8f", "评审员不评申请回避的人", scored_where_recused),
    Invariant("8g", "评审团的表都是那位评审员本人的", seats_of_others),
    Invariant("9d", "用着的评分表各项占比合计 100%", unsound_rubrics),
    Invariant("9e", "交来的表该评的项都评了，不该评的没有", incomplete_sheets),
    Invariant("9f", "结果按交来的表重算一致", results_that_do_not_follow),
    Invariant("9g", "每班优秀不超过名额，不到 90 分的不定优秀", too_many_excellent),
    Invariant("9h", "定了的结果没有留着没议定的同分", open_ties),
]
