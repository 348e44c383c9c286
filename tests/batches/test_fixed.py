"""What people fixed stays: no swap, move, withdrawal or cancelling by hand goes against it, and everybody is told why."""

import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, User
from batches.actions.gatherings import cancel_days, cancel_gathering
from batches.actions.names import defer_nomination, demand, drop_demand, set_aside, swap_nomination
from batches.actions.people import add_late, move_member, withdraw_enrollment
from batches.actions.pins import pin_gathering, unpin_gathering
from batches.actions.plans import publish_plan
from batches.actions.repair import start_repair
from batches.comparison import compare
from batches.foretold import foretell
from batches.models import Enrollment, Gathering, GatheringPin, Nomination, PlanDemand, PlanRun
from batches.obstacles import publish_obstacles
from batches.planning.formats import fingerprint
from batches.queries import latest_run
from cadres.models import Cadre
from config.errors import DomainError
from tests import factories
from tests.batches.county import FIRST, County
from tests.batches.pages import page
from tests.batches.test_repair import repair
from tests.batches.test_swaps import ask, cells, pins

pytestmark = pytest.mark.django_db
MARCH = datetime.date(2027, 3, 1).replace


def fix(county: County, by: User, index: int = 2, *, bases: bool = True) -> GatheringPin:
    """Class 1, where the hand-made plan has it."""
    day, base = (5, county.bases[0]) if index == 1 else (19, county.bases[1])
    return pin_gathering(
        practice_class=county.classes[0], index=index, first_day=MARCH(day=day), bases=[base] if bases else [],
        reason="已和村里说好", by=by,
    )  # fmt: skip


def hold(county: County, cadre: Cadre, by: User, kind: str = "pin", class_number: int | None = 1) -> PlanDemand:
    return demand(batch=county.batch, cadre=cadre, kind=kind, class_number=class_number, reason="带队", by=by)


def put(county: County, index: int, day: int, *bases: int) -> dict[str, Any]:
    return {
        "kind": "pin_gathering", "class": f"K{county.classes[0].pk}", "index": index, "first_day": f"2027-03-{day:02}",
        "bases": [f"P{county.bases[number].pk}" for number in bases] or None,
    }  # fmt: skip


def by(user: User) -> str:
    """Who fixed it and when: the trail's clock is the database's."""
    entry = AuditEntry.objects.filter(act__in=("pin_gathering", "demand")).latest("seq")
    return f"{user.name} {timezone.localtime(entry.at):%m-%d %H:%M} 固定"


def words(answer: Any) -> str:
    """A page's text, emphasis aside."""
    return str(answer.content.decode()).replace("<strong>", "").replace("</strong>", "")


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(DomainError) as refused:
        act()
    assert refused.value.code == "fixed", refused.value.message
    return refused.value.message


# Cells


def test_swap_of_a_fixed_cell_is_refused_beforehand_and_when_done(
    planned: County, colleague: User, desk: Client
) -> None:
    pin = fix(planned, colleague)
    one, other = cells(planned, (1, 1), (1, 2))
    data = {"form": "cells", "cells-one": one, "cells-other": other, "cells-prefer": "kept"}
    told = (
        f"第1班第 2 次集中已固定在 03-19 {planned.bases[1].village}（{by(colleague)}，原因：已和村里说好），"
        "不能改。请先在“固定和调换”里取消这处固定，再来改。"
    )
    shown = words(desk.get(reverse("batches:swap", args=[planned.batch.pk]), data))
    assert told in shown
    assert "会怎样</h2>" not in shown
    assert "规则都符合" not in shown
    answer = desk.post(reverse("batches:swap", args=[planned.batch.pk]), data)
    assert (answer.status_code, told in words(answer)) == (422, True)
    assert not PlanRun.objects.filter(purpose=PlanRun.Purpose.REPAIR).exists()
    unpin_gathering(pin=pin, by=colleague)
    assert "会怎样</h2>" in ask(desk, planned, **data)
    assert desk.post(reverse("batches:swap", args=[planned.batch.pk]), data).status_code == 302


def test_fixed_cell_is_marked_where_cells_are_chosen(planned: County, staff: User, desk: Client) -> None:
    pin = fix(planned, staff)
    name = f"第1班第 2 次　03-19 {planned.bases[1].village}"
    assert f"{name}　已固定</option>" in ask(desk, planned)
    unpin_gathering(pin=pin, by=staff)
    assert f"{name}</option>" in ask(desk, planned)


@pytest.mark.parametrize(
    ("day", "bases", "both", "alone"),
    [(19, (1,), False, False), (20, (1,), True, True), (19, (0,), True, False), (19, (0, 1), True, False), (19, (), True, False)],
)  # fmt: skip
def test_move_is_refused_where_it_goes_against_what_is_fixed_alone(
    published: County, staff: User, day: int, bases: tuple[int, ...], both: bool, alone: bool
) -> None:
    change = put(published, 2, day, *bases)
    for with_base, refused in ((True, both), (False, alone)):
        fix(published, staff, bases=with_base)
        for act in (
            lambda: foretell(published.batch, [change]),
            lambda: start_repair(batch=published.batch, by=staff, changes=[change]),
        ):
            if refused:
                refusal(act)
        if not refused:
            foretell(published.batch, [change])


def test_plan_that_moves_what_was_fixed_meanwhile_is_not_published(published: County, staff: User) -> None:
    run = repair(published, staff, changes=[put(published, 1, 5, 1), put(published, 2, 19, 0)])
    assert publish_obstacles(published.batch, run) == []
    pin = fix(published, staff)
    [told] = publish_obstacles(published.batch, run)
    assert told.startswith(f"这个方案动了后来固定的：第1班第 2 次集中已固定在 03-19 {published.bases[1].village}（")
    with pytest.raises(DomainError, match="后来固定的"):
        publish_plan(batch=published.batch, run=run, by=staff, reason="换基地")
    unpin_gathering(pin=pin, by=staff)
    publish_plan(batch=published.batch, run=run, by=staff, reason="换基地")
    assert published.gathering(1, 2).sites.get(live=True).base == published.bases[0]


def test_fixed_gathering_is_not_called_off(published: County, staff: User, desk: Client) -> None:
    pin = fix(published, staff)
    gone = published.gathering(1, 2)
    one = refusal(lambda: cancel_gathering(gathering=gone, by=staff, reason="台风"))
    many = refusal(
        lambda: cancel_days(batch=published.batch, first_day=FIRST, last_day=MARCH(day=28), by=staff, reason="台风")
    )
    assert one == many
    assert "不能取消。请先在“固定和调换”里取消这处固定" in one
    data = {"form": "cancel", "cancel-gathering": gone.pk, "cancel-reason": "台风", "look": "1"}
    assert one in words(desk.post(reverse("batches:adjust", args=[published.batch.pk]), data))
    assert Gathering.objects.filter(state=Gathering.State.CANCELLED).count() == 0
    unpin_gathering(pin=pin, by=staff)
    cancel_gathering(gathering=gone, by=staff, reason="台风")


# People


def test_person_fixed_to_a_class_is_not_swapped_or_moved(published: County, staff: User, desk: Client) -> None:
    who, there = published.cadres[0], published.classes[1]
    pin = hold(published, who, staff)
    told = f"{who.name}（{who.unit}）已固定在第1班（{by(staff)}，原因：带队），不能到第2班。"
    changes = pins((who, there))
    assert refusal(lambda: foretell(published.batch, changes)).startswith(told)
    assert refusal(lambda: start_repair(batch=published.batch, by=staff, changes=changes)).startswith(told)
    move = {"enrollment": published.enrollment(who), "to": there, "from_day": FIRST, "by": staff, "reason": "换周次"}
    assert refusal(lambda: move_member(**move)).startswith(told)
    data = {"form": "person", "person-who": who.pk, "person-to": there.pk, "person-prefer": "kept"}
    assert told in ask(desk, published, **data)
    pin.refresh_from_db()
    assert (pin.live, pin.class_number) == (True, 1)
    foretell(published.batch, pins((published.cadres[2], there)))
    drop_demand(demand=pin, by=staff)
    foretell(published.batch, changes)


@pytest.mark.parametrize(("kind", "number", "word"), [("pin", 1, "固定在第1班"), ("must", None, "定为必须参加本期")])
def test_person_fixed_to_class_or_batch_does_not_leave_it(
    published: County, staff: User, kind: str, number: int | None, word: str
) -> None:
    who = published.cadres[0]
    pin = hold(published, who, staff, kind, number)
    leave = {"enrollment": published.enrollment(who), "on_day": FIRST, "by": staff, "reason": "借调"}
    told = refusal(lambda: withdraw_enrollment(**leave))
    assert told.startswith(f"{who.name}（{who.unit}）已{word}（{by(staff)}，原因：带队），不能退出。")
    drop_demand(demand=pin, by=staff)
    withdraw_enrollment(**leave)
    assert Enrollment.objects.get(batch=published.batch, cadre=who).state == Enrollment.State.WITHDRAWN


def test_person_fixed_to_a_class_comes_late_to_no_other(published: County, staff: User) -> None:
    who = published.cadres[0]
    withdraw_enrollment(enrollment=published.enrollment(who), on_day=FIRST, by=staff, reason="借调")
    hold(published, who, staff)
    late = {"batch": published.batch, "cadre": who, "from_day": FIRST, "by": staff, "reason": "回来了"}
    assert "不能到第2班" in refusal(lambda: add_late(to=published.classes[1], **late))
    assert add_late(to=published.classes[0], **late).live


def test_name_fixed_to_the_batch_is_not_taken_from_the_list(nominating: County, staff: User, colleague: User) -> None:
    who = nominating.cadres[0]
    pin = hold(nominating, who, colleague, "must", None)
    row = Nomination.objects.get(batch=nominating.batch, cadre=who)
    instead = factories.CadreFactory(unit=who.unit)
    acts: list[Callable[[], object]] = [
        lambda: defer_nomination(nomination=row, reason="产假", by=staff),
        lambda: set_aside(nomination=row, reason="产假", by=staff),
        lambda: swap_nomination(nomination=row, cadre=instead, reason="产假", by=staff),
    ]
    for act in acts:
        assert "请先到“名单”里取消这条要求" in refusal(act)
    drop_demand(demand=pin, by=staff)
    swap_nomination(nomination=row, cadre=instead, reason="产假", by=staff)
    row.refresh_from_db()
    assert row.state == Nomination.State.SWAPPED


# Words


def test_pin_that_a_plan_does_not_keep_is_told_in_words_with_a_cure_that_fits(
    planned: County, staff: User, desk: Client
) -> None:
    run = latest_run(planned.batch)
    assert run is not None
    document = json.loads(run.input_text)
    document["pins"]["gatherings"] = [
        {"class": f"K{planned.classes[0].pk}", "index": 2, "first_day": "2027-03-20", "bases": None}
    ]
    PlanRun.objects.filter(pk=run.pk).update(
        input_text=json.dumps(document),
        plan_text=json.dumps(json.loads(run.plan_text) | {"input_fingerprint": fingerprint(document)}),
    )
    run.refresh_from_db()
    told = publish_obstacles(planned.batch, run)[-1]
    pin = "第1班第2次集中已定于2027-03-20开始，方案没有照此安排。"
    assert told == (
        f"方案有 1 处不符合规则（固定的人或集中没有照办）。{pin}请取消做不到的固定，或改成合规的班、日子、基地，再重排。"
    )
    side = compare(planned.batch, run, run).left
    assert (side.figures["违反"][0], pin in side.findings) == ("1 处违反", True)
    shown = page(desk, "studio", planned.batch.pk)
    assert "1 处违反" in shown
    assert "0 处违反" not in shown
    rules = shown[shown.index('id="rules"') :]
    assert "违反 1</span>" in rules
    assert f'1 处没有照办<span class="dm-under">{pin}</span>' in rules


def test_look_at_a_swap_is_left_for_the_plan_it_started_from_and_a_pin_names_its_base(
    planned: County, desk: Client
) -> None:
    run = latest_run(planned.batch)
    assert run is not None
    one, other = cells(planned, (1, 1), (1, 2))
    data = {"form": "cells", "cells-one": one, "cells-other": other, "cells-prefer": "kept", "run": run.pk}
    assert f'/swap/?run={run.pk}">不对调</a>' in ask(desk, planned, **data)
    pin = {"form": "pin", "pin-cell": other, "pin-what": "both", "pin-reason": "说好了"}
    answer = desk.post(reverse("batches:swap", args=[planned.batch.pk]), pin, follow=True)
    assert f"固定在 03-19 {planned.bases[1].village}。" in words(answer)
