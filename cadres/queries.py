"""Units, cadres and imports as everybody else asks for them."""

import datetime
from typing import Any, TypeVar

from django.db.models import Case, Count, Exists, IntegerField, Model, OuterRef, Prefetch, Q, QuerySet, Value, When
from django.db.models.functions import Replace
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.rules import is_centre_staff
from cadres.models import (
    Cadre,
    ImportFinding,
    ImportRow,
    PastAttendance,
    RosterImport,
    Unavailability,
    Unit,
    UnitLiaison,
)
from cadres.rules import in_force, is_unit_liaison, may_import, may_see_all_cadres
from office.todo import Todo

Row = TypeVar("Row", bound=Model)

PATH_TO_CADRE: dict[type[Model], str] = {Cadre: "", PastAttendance: "cadre__", Unavailability: "cadre__"}
PATH_TO_UNIT: dict[type[Model], str] = {Unit: "pk", UnitLiaison: "unit"}
AGE_BANDS = (
    ("30", "30岁及以下", None, 30),
    ("35", "31—35岁", 31, 35),
    ("40", "36—40岁", 36, 40),
    ("50", "41—50岁", 41, 50),
    ("60", "51岁以上", 51, None),
)


def visible_to(user: User, model: type[Row]) -> "QuerySet[Row]":
    """Rows of a model of this app that a user may see.

    The centre and leaders see all, a unit's liaison the own unit with its people, a cadre the own rows. Imports are seen by
    whoever may import.
    """
    rows: QuerySet[Any] = model._default_manager.all()
    if issubclass(model, RosterImport | ImportRow | ImportFinding):
        return rows if may_import.test(user) else rows.none()
    if may_see_all_cadres.test(user):
        return rows
    if not user.is_active:
        return rows.none()
    if model in PATH_TO_UNIT:
        return rows.filter(**{f"{PATH_TO_UNIT[model]}__in": own_units(user).values("pk")})
    path = PATH_TO_CADRE[model]
    own = Q(**{f"{path}user": user})
    return rows.filter(own | Q(**{f"{path}unit__in": own_units(user).values("pk")}))


def with_people(units: "QuerySet[Unit]") -> "QuerySet[Any]":
    """Units with `people`: their cadres in post."""
    return units.annotate(people=Count("cadres", filter=Q(cadres__state=Cadre.State.IN_POST)))


def own_units(user: User) -> "QuerySet[Unit]":
    """Units that the user is liaison of now."""
    return Unit.objects.filter(pk__in=user.unit_liaisons.filter(in_force()).values("unit"))


def kept_units(user: User) -> "QuerySet[Unit]":
    """Units whose people's days the user enters and voids: all for the centre, else those one is liaison of.

    Seeing is not keeping: a leader sees every unit.
    """
    return Unit.objects.all() if is_centre_staff.test(user) else own_units(user)


def liaisons_of(unit: Unit) -> "QuerySet[UnitLiaison]":
    """Liaisons of a unit now."""
    return unit.liaisons.filter(in_force()).select_related("user").order_by("since", "pk")


# Cadres


def search(cadres: "QuerySet[Cadre]", text: str) -> "QuerySet[Cadre]":
    """Cadres of whom every word is found in the name, its pinyin (with or without blanks), the unit or the ID number's tail."""
    for word in text.split()[:5]:
        cadres = cadres.alias(together=Replace("sort_name", Value(" "), Value(""))).filter(
            Q(name__icontains=word)
            | Q(unit__name__icontains=word)
            | Q(sort_name__icontains=word)
            | Q(together__icontains=word)
            | Q(id_number_tail__iexact=word)
        )
    return cadres


def with_participation(cadres: "QuerySet[Cadre]") -> "QuerySet[Any]":
    """Cadres with `attended`: whether they took part in an earlier session."""
    return cadres.annotate(attended=Exists(PastAttendance.objects.filter(cadre=OuterRef("pk"))))


def age_at(birth: datetime.date, day: datetime.date) -> int:
    """Full years at the month of `day`; birth is known to the month."""
    return day.year - birth.year - (day.month < birth.month)


def of_age(cadres: "QuerySet[Cadre]", youngest: int | None, oldest: int | None) -> "QuerySet[Cadre]":
    """Cadres of an age (in full years today) from youngest to oldest, both included."""
    today = timezone.localdate()
    if youngest is not None:
        cadres = cadres.filter(birth__lte=datetime.date(today.year - youngest, today.month, 1))
    if oldest is not None:
        cadres = cadres.filter(birth__gt=datetime.date(today.year - oldest - 1, today.month, 1))
    return cadres


def of_unit(unit: Unit) -> "QuerySet[Cadre]":
    """A unit's people in post with what they attended and when they cannot come, in three queries whatever their number."""
    return (
        Cadre.objects.filter(unit=unit, state=Cadre.State.IN_POST)
        .prefetch_related(
            Prefetch("past_attendances", PastAttendance.objects.order_by("first_day", "session")),
            Prefetch("unavailabilities", coming_unavailabilities(Unavailability.objects.all()), to_attr="away"),
        )
        .order_by("sort_name", "pk")
    )


def coming_unavailabilities(rows: "QuerySet[Unavailability]") -> "QuerySet[Unavailability]":
    """Days in force that are not over."""
    return rows.filter(live=True, days__endswith__gt=timezone.localdate()).order_by("days", "pk")


def listed_unavailabilities(user: User) -> "QuerySet[Unavailability]":
    """Days that the user may see, those in force first, the latest first."""
    return (
        visible_to(user, Unavailability)
        .select_related("cadre__unit", "entered_by")
        .order_by("-live", "-days", "cadre__sort_name", "pk")
    )


# Imports


def listed_imports(user: User) -> "QuerySet[Any]":
    """Imports with how many rows each would write and refuse."""
    return (
        visible_to(user, RosterImport)
        .select_related("file", "created_by", "job")
        .annotate(
            accepted=Count("rows", filter=~Q(rows__effect=ImportRow.Effect.REFUSED)),
            refused=Count("rows", filter=Q(rows__effect=ImportRow.Effect.REFUSED)),
        )
        .order_by("-created_at", "-pk")
    )


def effect_counts(roster_import: RosterImport) -> dict[str, int]:
    """How many rows of an import do what; every effect has a number."""
    counted = roster_import.rows.order_by().values_list("effect").annotate(n=Count("pk"))
    return dict.fromkeys(ImportRow.Effect.values, 0) | dict(counted)


def rows_of_import(roster_import: RosterImport, effect: str = "") -> "QuerySet[ImportRow]":
    """Rows of an import, refused ones first, then by their place in the sheet; of one effect where given."""
    rows = roster_import.rows.all()
    if effect:
        rows = rows.filter(effect=effect)
    refused_first = Case(When(effect=ImportRow.Effect.REFUSED, then=0), default=1, output_field=IntegerField())
    return rows.order_by(refused_first, "number")


# To-dos


def todo(user: User) -> list[Todo]:
    """Lists that wait to be written, for those who may import."""
    if not may_import.test(user):
        return []
    waiting = listed_imports(user).filter(state=RosterImport.State.PREVIEWED)[:10]
    return [
        Todo(
            what=f"{each.get_kind_display()}“{each.file.name}”待写入",
            detail=f"可以写入 {each.accepted} 行" + (f"，{each.refused} 行不能导入" if each.refused else ""),
            due=None,
            url=reverse("cadres:import", args=[each.pk]),
            act="看预览，写入",
        )
        for each in waiting
    ]


def role_facts(user: User) -> list[str]:
    """What the user is by rows of this app, in words."""
    if not is_unit_liaison.test(user):
        return []
    return [f"派出单位联络员（{unit.name}）" for unit in own_units(user).order_by("sort_name", "pk")]
