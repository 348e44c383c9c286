"""Score sheets: kept, handed in, set aside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils import timezone

from accounts import audit
from accounts.models import User
from batches.models import Enrollment
from config.errors import Conflict, DomainError
from evaluations.duties import Duty, duty_of, recusals_of, seat_of, to_score
from evaluations.models import Campaign, Criterion, PanelMember, Review, Score, Scorer


def save_review(
    *, campaign: Campaign, enrollment: Enrollment, user: User, scorer: str, values: Mapping[int, int], comment: str,
    cast: bool, by: User, reason: str = "",
) -> Review:  # fmt: skip
    """Keep a score sheet as a draft, or hand it in for good (`cast`). `values`: criterion pk → 0–100.

    `by` differs from `user` only where centre staff key in a paper sheet, which they may after the last day of scoring, until
    it is frozen. Handing in the same sheet twice answers with the first. The campaign's row is locked, so that a sheet is in
    before it is frozen or refused after. Raises DomainError for scoring that is not open, not one's own to score, recused,
    incomplete, or out of range; Conflict where another sheet was handed in already.
    """
    act = "cast_review" if cast else "draft_review"
    with audit.act(act, by=by, subject=enrollment, reason=reason, scorer=scorer, user=user.pk):
        locked = lock_open(campaign)
        require_other(by, enrollment)
        if by == user:
            _require_in_time(locked)
        member = _require_right(campaign, enrollment, user, scorer)
        criteria = {row.pk: row for row in campaign.rubric.criteria.all() if row.scorer == scorer}
        _require_values(criteria, values, cast)
        review = _sheet_in_force(campaign, enrollment, user, scorer)
        if review is None:
            review = Review.objects.create(
                campaign=campaign, enrollment=enrollment, user=user, scorer=scorer, member=member, comment=comment
            )
        elif review.state == Review.State.CAST:
            same = {row.criterion_id: row.value for row in review.scores.all()} == dict(values)
            if cast and same and review.comment == comment:
                return review
            raise Conflict("already_cast", "这张表已经交了，不能再改。要改请联系服务中心先作废。")
        else:
            review.scores.exclude(criterion__in=list(values)).delete()
        _write(review, values, comment, cast)
    return review


@dataclass(frozen=True)
class Sheet:
    """What one sheet says: criterion pk → 0–100, and a comment."""

    enrollment: Enrollment
    values: Mapping[int, int]
    comment: str = ""


def cast_reviews(
    *, campaign: Campaign, user: User, scorer: str, sheets: Sequence[Sheet], by: User, reason: str = ""
) -> list[Review]:
    """Hand in several new sheets of one scorer at once, all or none, in a number of queries that does not grow with them.

    The rules are those of `save_review`. Conflict where one of them was begun before: those go one by one.
    """
    with audit.act("cast_reviews", by=by, subject=campaign, reason=reason, scorer=scorer, user=user.pk) as entry:
        locked = lock_open(campaign)
        if by == user:
            _require_in_time(locked)
        duty = duty_of(campaign, user, scorer)
        criteria = {row.pk: row for row in campaign.rubric.criteria.all() if row.scorer == scorer}
        for sheet in sheets:
            require_other(by, sheet.enrollment)
            _require_new(duty, sheet.enrollment, user)
            _require_values(criteria, sheet.values, cast=True)
        reviews = Review.objects.bulk_create(
            Review(
                campaign=campaign, enrollment=sheet.enrollment, user=user, scorer=scorer, comment=sheet.comment,
                member=duty.seats.get(sheet.enrollment.pk) if duty else None,
            )
            for sheet in sheets
        )  # fmt: skip
        Score.objects.bulk_create(
            Score(review=review, criterion_id=pk, value=value)
            for review, sheet in zip(reviews, sheets, strict=True)
            for pk, value in sheet.values.items()
        )
        made = Review.objects.filter(pk__in=[review.pk for review in reviews])
        made.update(state=Review.State.CAST, cast_at=timezone.now())
        entry.data["people"] = [sheet.enrollment.pk for sheet in sheets]
    return list(made.order_by("pk"))


def _require_new(duty: Duty | None, enrollment: Enrollment, user: User) -> None:
    if enrollment.cadre.user_id == user.pk:
        raise DomainError("own_score", "不能给自己评分。")
    if duty is None or duty.position(enrollment.pk) is None:
        raise DomainError("not_yours", f"{enrollment.cadre}不在{user}要评的名单里。")
    if why := duty.recused.get(enrollment.pk):
        raise DomainError("recused", f"要回避{enrollment.cadre}（{why}），不能评分。")
    if enrollment.pk in duty.reviews:
        raise Conflict("already_begun", f"{enrollment.cadre}的表已经存过或交过。请逐张办。")


def lock_open(campaign: Campaign) -> Campaign:
    """The campaign's row, locked until the act is written; refused unless scoring is open."""
    locked = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if locked.state != Campaign.State.OPEN:
        raise DomainError("not_open", f"{campaign}现在不能评分（{locked.get_state_display()}）。要改请联系服务中心。")
    return locked


def _sheet_in_force(campaign: Campaign, enrollment: Enrollment, user: User, scorer: str) -> Review | None:
    sheets = Review.objects.filter(campaign=campaign, enrollment=enrollment, user=user, scorer=scorer)
    return sheets.exclude(state=Review.State.VOID).order_by("pk").first()


def _write(review: Review, values: Mapping[int, int], comment: str, cast: bool) -> None:
    if values:
        Score.objects.bulk_create(
            [Score(review=review, criterion_id=pk, value=value) for pk, value in values.items()],
            update_conflicts=True, unique_fields=["review", "criterion"], update_fields=["value"],
        )  # fmt: skip
    changed = []
    if review.comment != comment:
        review.comment = comment
        changed.append("comment")
    if cast:
        review.state, review.cast_at = Review.State.CAST, timezone.now()
        changed += ["state", "cast_at"]
    if changed:
        review.save(update_fields=changed)


def _require_in_time(campaign: Campaign) -> None:
    if campaign.closes_on and campaign.closes_on < timezone.localdate():
        raise DomainError("too_late", f"评分到 {campaign.closes_on} 为止，已经过了。要补请联系服务中心延后。")


def _require_right(campaign: Campaign, enrollment: Enrollment, user: User, scorer: str) -> PanelMember | None:
    if enrollment.cadre.user_id == user.pk:
        raise DomainError("own_score", "不能给自己评分。")
    member = seat_of(campaign, user, enrollment) if scorer == Scorer.PANEL else None
    if member is None:
        if scorer == Scorer.PANEL or not to_score(campaign, user, scorer).filter(pk=enrollment.pk).exists():
            raise DomainError("not_yours", f"{enrollment.cadre}不在{user}要评的名单里。")
        return None
    if reason := recusals_of(member, [enrollment]).get(enrollment.pk):
        raise DomainError("recused", f"要回避{enrollment.cadre}（{reason}），不能评分。")
    return member


def _require_values(criteria: Mapping[int, Criterion], values: Mapping[int, int], cast: bool) -> None:
    if foreign := set(values) - set(criteria):
        raise DomainError("foreign_criterion", f"有 {len(foreign)} 项不归您评。请刷新页面重填。")
    for pk, value in values.items():
        if not 0 <= value <= 100:
            raise DomainError("out_of_range", f"“{criteria[pk]}”要在 0 至 100 之间，填的是 {value}。")
    if cast and not criteria:
        raise DomainError("nothing_to_score", "评分表里没有您要评的项。请联系服务中心。")
    if cast and (missing := [row.name for pk, row in criteria.items() if pk not in values]):
        raise DomainError("incomplete", f"还有{'、'.join(missing)}没有评。评完再交，或先存着。")


def require_other(by: User, enrollment: Enrollment) -> None:
    """Nobody acts on their own evaluation, whatever else they may do (invariant 8)."""
    if enrollment.cadre.user_id == by.pk:
        raise DomainError("own_score", "这是您自己的评审，请别的同事办理。")


def void_review(*, review: Review, by: User, reason: str) -> None:
    """Set a sheet that was handed in aside, with its reason; the scorer can hand in another while scoring is open."""
    if not reason.strip():
        raise DomainError("reason_needed", "请写明作废的原因，会记入审计。")
    with audit.act("void_review", by=by, subject=review.enrollment, reason=reason, review=review.pk):
        require_other(by, review.enrollment)
        locked = Campaign.objects.select_for_update().get(pk=review.campaign_id)
        if locked.state != Campaign.State.OPEN:
            raise DomainError("not_open", "评分已经截止，不能作废。要改请先重新开放评分。")
        cast = Review.objects.filter(pk=review.pk, state=Review.State.CAST)
        if not cast.update(state=Review.State.VOID, void_reason=reason[:200]):
            raise DomainError("not_cast", "这张表没有交，或已经作废，不用再作废。")
