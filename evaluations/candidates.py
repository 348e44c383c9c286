"""Who is evaluated, and in which class."""

from collections.abc import Iterable

from django.db.models import OuterRef, QuerySet

from batches.models import ClassMembership, Enrollment, PracticeClass
from batches.queries import GONE
from evaluations.models import Campaign


def last_class() -> QuerySet[ClassMembership]:
    """Memberships, the last one of an enrollment first: that class is where somebody is evaluated."""
    return ClassMembership.objects.filter(live=True).order_by("-days", "-pk")


def candidates_of(batches: Iterable[int]) -> QuerySet[Enrollment]:
    """Who is evaluated: everybody who stayed in the batch and has a class, by batch, class number and name."""
    theirs = last_class().filter(enrollment=OuterRef("pk"))
    return (
        Enrollment.objects.filter(batch__in=list(batches), live=True)
        .exclude(state__in=GONE)
        .annotate(
            last_class=theirs.values("practice_class")[:1], class_number=theirs.values("practice_class__number")[:1]
        )
        .filter(last_class__isnull=False)
        .select_related("cadre__unit")
        .order_by("batch", "class_number", "cadre__sort_name", "pk")
    )


def candidates(campaign: Campaign) -> QuerySet[Enrollment]:
    """Who is evaluated in a campaign, in order of class number and name."""
    return candidates_of([campaign.batch_id])


def class_of(enrollments: Iterable[Enrollment]) -> dict[int, PracticeClass]:
    """The class somebody belongs to for evaluation: the last one, by enrollment id."""
    rows = (
        ClassMembership.objects.filter(enrollment__in=[row.pk for row in enrollments], live=True)
        .select_related("practice_class__batch")
        .order_by("days", "pk")
    )
    return {row.enrollment_id: row.practice_class for row in rows}
