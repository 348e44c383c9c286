"""Score sheets: weights, names, and that one in use never changes."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, User
from config.errors import DomainError
from evaluations import actions
from evaluations.models import Criterion, Rubric, Scorer
from tests.evaluations.conftest import Evaluation

pytestmark = pytest.mark.django_db


def line(name: str, weight: int, scorer: str = Scorer.PANEL) -> dict[str, Any]:
    return {"name": name, "description": "", "weight": weight, "scorer": scorer}


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([line("问答", 60), line("报告", 39)], "weights_not_100"),
        ([line("问答", 60), line("报告", 41)], "weights_not_100"),
        ([], "weights_not_100"),
        ([line("问答", 150), line("报告", -50)], "weight_out_of_range"),
        ([line("问答", 100), line("报告", 0)], "weight_out_of_range"),
        ([line("问答", 60), line("问答", 40)], "criterion_twice"),
    ],
)
def test_rubric_refuses_unsound_lines(staff: User, lines: list[dict[str, Any]], code: str) -> None:
    with pytest.raises(DomainError) as refused:
        actions.save_rubric(rubric=Rubric(name="表"), criteria=lines, by=staff)
    assert refused.value.code == code
    assert not Rubric.objects.exists()
    assert not AuditEntry.objects.filter(act="save_rubric").exists()


def test_default_rubric_sums_to_100_and_has_all_three_scorers(staff: User) -> None:
    rubric = actions.default_rubric(by=staff)
    rows = rubric.criteria.order_by("order").values_list("name", "weight", "scorer")
    assert list(rows) == [
        ("在村表现", 20, "mentor"),
        ("实践过程", 20, "head_teacher"),
        ("现场问答", 25, "panel"),
        ("村情与报告", 20, "panel"),
        ("为民办事", 15, "panel"),
    ]


def test_default_rubric_twice_is_refused(staff: User) -> None:
    actions.default_rubric(by=staff)
    with pytest.raises(DomainError) as refused:
        actions.default_rubric(by=staff)
    assert refused.value.code == "rubric_exists"
    assert Rubric.objects.count() == 1


def test_rubric_nobody_uses_changes_in_place(staff: User) -> None:
    rubric = actions.default_rubric(by=staff)
    saved = actions.save_rubric(rubric=rubric, criteria=[line("问答", 100)], by=staff)
    assert (saved.pk, saved.version) == (rubric.pk, 1)
    assert list(saved.criteria.values_list("name", "weight")) == [("问答", 100)]


def test_pinned_rubric_becomes_a_new_version(prepared: Evaluation) -> None:
    pinned = prepared.campaign.rubric
    before = list(pinned.criteria.order_by("order").values_list("name", "weight"))
    saved = actions.save_rubric(
        rubric=Rubric.objects.get(pk=pinned.pk), criteria=[line("问答", 100)], by=prepared.staff
    )
    again = actions.save_rubric(
        rubric=Rubric.objects.get(pk=pinned.pk), criteria=[line("报告", 100)], by=prepared.staff
    )
    assert (saved.version, again.version) == (2, 3)
    assert saved.pk != pinned.pk
    assert list(pinned.criteria.order_by("order").values_list("name", "weight")) == before
    assert str(saved) == "实践评分表（第 2 版）"


CHANGES: dict[str, Callable[[Rubric], object]] = {
    "update": lambda rubric: rubric.criteria.filter(order=1).update(weight=19),
    "insert": lambda rubric: Criterion.objects.create(
        rubric=rubric, order=9, name="多的", weight=1, scorer=Scorer.PANEL
    ),
    "delete": lambda rubric: rubric.criteria.filter(order=1).delete(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_database_keeps_a_pinned_rubric(prepared: Evaluation, change: str) -> None:
    rubric = prepared.campaign.rubric
    with pytest.raises(IntegrityError, match="a rubric that a campaign uses"), transaction.atomic():
        CHANGES[change](rubric)
    assert rubric.criteria.count() == 5


def form_data(*lines: tuple[str, str, str], name: str = "新表", **more: str) -> dict[str, str]:
    """The form as a browser sends it: these lines and three empty ones."""
    data = {"name": name, "lines-TOTAL_FORMS": str(len(lines) + 3), "lines-INITIAL_FORMS": "0", **more}
    for number, (label, weight, scorer) in enumerate([*lines, *[("", "", "")] * 3]):
        data |= {
            f"lines-{number}-name": label, f"lines-{number}-description": "", f"lines-{number}-weight": weight,
            f"lines-{number}-scorer": scorer,
        }  # fmt: skip
    return data


def test_rubric_page_saves_filled_lines_and_passes_over_empty_ones(client: Client, staff: User) -> None:
    client.force_login(staff)
    data = form_data(("问答", "70", "panel"), ("在村", "30", "mentor"))
    response = client.post(reverse("evaluations:rubric_new"), data)
    assert response.status_code == 302
    rubric = Rubric.objects.get(name="新表")
    assert list(rubric.criteria.order_by("order").values_list("name", "weight")) == [("问答", 70), ("在村", 30)]


def test_rubric_page_drops_a_line_marked_for_it(client: Client, staff: User) -> None:
    client.force_login(staff)
    data = form_data(("问答", "70", "panel"), ("在村", "30", "mentor"), ("多余", "20", "mentor"))
    client.post(reverse("evaluations:rubric_new"), {**data, "lines-2-DELETE": "on"})
    assert list(Rubric.objects.get().criteria.order_by("order").values_list("name", flat=True)) == ["问答", "在村"]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([("问答", "70", "panel"), ("在村", "20", "mentor")], "各项占比合计 90%，应为 100%"),
        ([("问答", "100", "")], "选谁来评"),
        ([("问答", "一百", "panel")], "要填整数"),
    ],
)
def test_rubric_page_keeps_what_was_typed_on_an_error(
    client: Client, staff: User, lines: list[tuple[str, str, str]], told: str
) -> None:
    client.force_login(staff)
    response = client.post(reverse("evaluations:rubric_new"), form_data(*lines))
    page = response.content.decode()
    assert response.status_code == 422
    assert told in page
    assert 'value="问答"' in page
    assert f'value="{lines[0][1]}"' in page
    assert not Rubric.objects.exists()


def test_rubric_page_tells_the_sum_of_weights(client: Client, staff: User) -> None:
    client.force_login(staff)
    rubric = actions.default_rubric(by=staff)
    page = client.get(reverse("evaluations:rubric", args=[rubric.pk])).content.decode()
    assert "<output data-weight-total>100</output>" in page
