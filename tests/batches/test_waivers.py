"""Exceptions: what is asked is what is stored and said, whoever it concerns hears of it, and the page says how it ended."""

import datetime
import html
import re
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import audit
from accounts.models import AuditEntry, Role, User
from batches.actions.waivers import approve_waiver, ask_waiver, end_waiver
from batches.models import Waiver
from batches.overview import plan_says
from batches.planning import checker_case, problem
from batches.planning.changes import WAIVED_NAMES, apply
from batches.planning_input import build_input
from batches.queries import todo
from batches.waivers import RULES, label_of, lines_of
from config.errors import Conflict, DomainError
from office.models import Notice
from tests import factories
from tests.batches.county import NOW, TODAY, County, plan_by_hand
from tests.batches.pages import page, post

pytestmark = pytest.mark.django_db


def ask(desk: Client, county: County, rule: str, **about: object) -> str:
    data = {f"ask-{name}": value for name, value in {"rule": rule, "reason": "特殊情况", **about}.items()}
    return html.unescape(post(desk, "waivers", county.batch.pk, form="ask", **data))


def test_exception_for_a_track_is_not_asked_for_a_class(desk: Client, county: County) -> None:
    """R02 is of a unit in all classes of a track: a class is refused, and the words say how wide it is."""
    unit, klass = county.units[0], county.classes[0]
    shown = ask(desk, county, "R02", unit=unit.pk, practice_class=klass.pk)
    assert "R02“同单位分班”的例外要写明是哪个班型。请选班型。" in shown
    assert "R02“同单位分班”的例外不看班，填了也不会只放行这里。请留空。" in shown
    assert "请留空" in ask(desk, county, "R02", unit=unit.pk, practice_class=klass.pk, track=klass.track_id)
    assert not Waiver.objects.exists()
    shown = ask(desk, county, "R02", unit=unit.pk, track=klass.track_id)
    waiver = Waiver.objects.get()
    assert waiver.subject == f"U{unit.pk}@B{county.batch.pk}/W{klass.track_id}"
    assert waiver.subject_label == f"{unit}在{klass.track}各班"
    assert f"{unit}在{klass.track}各班的 R02“同单位分班”例外已提出" in shown
    assert f'<th scope="row">{unit}在{klass.track}各班</th>' in shown


def test_rule_sheet_says_how_wide_an_exception_is(nominating: County, staff: User, colleague: User) -> None:
    unit, track = nominating.units[0], nominating.classes[0].track
    subject = f"U{unit.pk}@B{nominating.batch.pk}/W{track.pk}"
    Waiver.objects.create(
        batch=nominating.batch, rule="R02", subject=subject, reason="专班", asked_by=staff, approver=colleague
    )
    [granted] = [row for line in plan_says(plan_by_hand(nominating, staff)).rules for row in line.granted]
    assert granted.subject == f"{unit}在{track}各班"


@pytest.mark.parametrize(
    ("rule", "fields", "subject", "label"),
    [
        ("R01", ("unit",), "{unit}@{batch}", "{unit_name}"),
        ("R02", ("unit", "track"), "{unit}@{batch}/{track}", "{unit_name}在{track_name}各班"),
        ("R03", ("unit",), "{unit}@{batch}", "{unit_name}"),
        ("R04", ("practice_class",), "{klass}", "第1班"),
        ("R04", ("track",), "{track}@{batch}", "{track_name}各班"),
        ("R07", ("cadre",), "{cadre}", "{cadre_name}"),
        ("R08", ("unit",), "{unit}@{batch}", "{unit_name}"),
        ("R14", ("practice_class",), "{klass}", "第1班"),
        ("R15", ("practice_class",), "{klass}", "第1班"),
        ("R16", ("household", "practice_class", "index"), "{house}:{klass}#2", "第1班第2次集中住{house_name}"),
    ],
)  # fmt: skip
def test_what_is_asked_is_a_subject_that_the_planner_takes(
    desk: Client, nominating: County, rule: str, fields: tuple[str, ...], subject: str, label: str
) -> None:
    county = nominating
    unit, klass, cadre = county.units[0], county.classes[0], county.cadres[0]
    house = county.bases[0].households.earliest("pk")
    values = {
        "unit": unit.pk, "track": klass.track_id, "practice_class": klass.pk, "index": 2, "cadre": cadre.name,
        "household": f"{house.head} {house.base.village.name}",
    }  # fmt: skip
    words = {
        "unit": f"U{unit.pk}", "batch": f"B{county.batch.pk}", "track": f"W{klass.track_id}", "klass": f"K{klass.pk}",
        "cadre": f"C{cadre.pk}", "house": f"H{house.pk}", "unit_name": unit, "track_name": klass.track,
        "cadre_name": f"{cadre.name}（{cadre.unit}）", "house_name": house,
    }  # fmt: skip
    ask(desk, county, rule, **{name: values[name] for name in fields})
    waiver = Waiver.objects.get()
    assert (waiver.rule, waiver.subject) == (rule, subject.format(**words))
    assert waiver.subject_label == label.format(**words)
    apply(build_input(county.batch), [{"kind": "waiver", "rule": rule, "subject": waiver.subject}])


def test_each_waivable_rule_can_be_asked_for_and_all_lists_are_one(desk: Client, county: County) -> None:
    assert set(RULES) == set(problem.WAIVABLE) == set(checker_case.WAIVABLE) == set(WAIVED_NAMES)
    shown = page(desk, "waivers", county.batch.pk)
    assert [rule for rule in RULES if f'<option value="{rule}">{rule} {WAIVED_NAMES[rule]}</option>' not in shown] == []


def test_gathering_that_the_class_does_not_have_is_refused(desk: Client, county: County) -> None:
    house = county.bases[0].households.earliest("pk")
    who = f"{house.head} {house.base.village.name}"
    shown = ask(desk, county, "R16", household=who, practice_class=county.classes[0].pk, index=3)
    assert "第1班本期至多集中 2 次。请改次数。" in shown
    assert not Waiver.objects.exists()


def test_group_size_approved_is_passed_by_the_checker(nominating: County, staff: User, colleague: User) -> None:
    """Two men sleep in the first household; the rule then asks for three. The exception is of one gathering alone."""
    programme = nominating.batch.programme
    programme.household_group_min, programme.household_group_max = 3, 4
    programme.save()
    house, klass = nominating.bases[0].households.earliest("pk"), nominating.classes[0]
    subject = f"H{house.pk}:K{klass.pk}#1"
    waiver = ask_waiver(
        batch=nominating.batch, rule="R16", subject=subject, label=label_of(subject), reason="人少", by=staff
    )
    approve_waiver(waiver=waiver, by=colleague)
    [row] = [row for row in plan_says(plan_by_hand(nominating, staff)).rules if row.code == "R16"]
    assert [granted.used for granted in row.granted] == [True]
    assert [finding.waived for finding in row.findings].count(True) == 1
    assert len(row.findings) > 1


def asked(county: County, by: User, rule: str = "R15", **more: Any) -> Waiver:
    subject = f"K{county.classes[0].pk}"
    return ask_waiver(batch=county.batch, rule=rule, subject=subject, label="第1班", reason="汛期", by=by, **more)


def row_of(desk: Client, county: County) -> str:
    """The words of the one row of the page."""
    [row] = re.findall(r"<tr><td class=\"dm-serial\">1.*?</tr>", page(desk, "waivers", county.batch.pk), re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", row.partition('<div class="dm-acts">')[0]))


def last_day_told() -> str:
    """Day of the newest entry of the trail, which the database's own clock gives."""
    return timezone.localtime(AuditEntry.objects.order_by("seq").last().at).date().isoformat()  # type: ignore[union-attr] # there is one


def notices(user: User) -> list[tuple[str, str, str]]:
    return list(Notice.objects.filter(addressee=user).order_by("pk").values_list("subject", "text", "url"))


def test_who_asked_is_told_of_the_approval_and_the_page_dates_it(
    desk: Client, county: County, staff: User, colleague: User
) -> None:
    waiver = asked(county, staff)
    assert "等批准" in row_of(desk, county)
    approve_waiver(waiver=waiver, by=colleague)
    shown = row_of(desk, county)
    assert "已批准" in shown
    assert "林晓雯 2027-02-15 批准" in shown
    url = f"/batches/{county.batch.pk}/waivers/"
    text = "第1班的 R15“在村天数”例外：林晓雯已批准，下次编排和调班照此办理。"
    assert notices(staff) == [("第1期的例外已批准", text, url)]
    assert notices(colleague) == []


def test_button_that_ends_an_exception_says_what_it_ends(
    desk: Client, county: County, staff: User, colleague: User
) -> None:
    """取消 alone is the word for leaving a dialog."""
    waiver = asked(county, staff)

    def buttons() -> list[str]:
        dialog = page(desk, "waivers", county.batch.pk).partition(f'id="end-{waiver.pk}"')[2]
        return re.findall(r"<button[^>]*>([^<]*)</button>", dialog)[:2]

    assert buttons() == ["留着", "撤回这条例外"]
    approve_waiver(waiver=waiver, by=colleague)
    assert buttons() == ["留着", "取消这条例外"]


def test_exception_taken_back_says_who_when_and_why(desk: Client, county: County, staff: User, colleague: User) -> None:
    waiver = asked(county, staff)
    approve_waiver(waiver=waiver, by=colleague)
    end_waiver(waiver=waiver, by=staff, reason="汛期过了")
    shown = row_of(desk, county)
    assert "已取消" in shown
    assert "已过期" not in shown
    assert "2027-02-14" not in shown, "not valid until the day before it was approved"
    assert f"{staff} {last_day_told()} ：汛期过了" in shown
    assert "林晓雯 2027-02-15 批准" in shown
    told = f"第1班的 R15“在村天数”例外：{staff.name}已取消，原因：汛期过了。"
    assert [(subject, text) for subject, text, _ in notices(colleague)] == [("第1期的例外已取消", told)]
    assert len(notices(staff)) == 1, "the approval alone: one does not tell oneself"


def test_exception_not_approved_stays_on_the_page_and_who_asked_is_told(
    desk: Client, county: County, staff: User, colleague: User
) -> None:
    waiver = asked(county, staff)
    end_waiver(waiver=waiver, by=colleague, reason="还能再挤一天")
    shown = row_of(desk, county)
    assert f"没有批准 林晓雯 {last_day_told()} ：还能再挤一天" in shown
    assert [text for _, text, _ in notices(staff)] == [
        "第1班的 R15“在村天数”例外：林晓雯没有批准，原因：还能再挤一天。"
    ]
    assert build_input(county.batch)["waivers"] == []
    assert asked(county, staff).pk != waiver.pk, "it may be asked again"


def test_exception_past_its_day_is_expired_and_nobody_approves_it(
    signed_in: Callable[[User], Client], county: County, staff: User, colleague: User, clock: time_machine.Traveller
) -> None:
    first = county.batch.first_day
    waiver = asked(county, staff, until=first)
    clock.move_to(NOW + (first - TODAY) + datetime.timedelta(days=1))
    assert "已过期" in row_of(signed_in(staff), county)
    with pytest.raises(DomainError) as refused:
        approve_waiver(waiver=waiver, by=colleague)
    assert refused.value.code == "waiver_expired"
    assert not [todo for todo in todo(colleague) if "例外" in todo.what]


@pytest.mark.parametrize("day", [TODAY, datetime.date(2027, 2, 28)])
def test_end_before_the_batch_begins_is_refused_at_its_field(
    desk: Client, county: County, staff: User, day: datetime.date
) -> None:
    with pytest.raises(DomainError) as refused:
        asked(county, staff, until=day)
    assert refused.value.code == "until_too_early"
    told = "第1期 2027-03-01 才开始，有效期不能在这以前就完。请写开始以后的一天，或留空（本期有效）。"
    shown = ask(desk, county, "R15", practice_class=county.classes[0].pk, until=day.isoformat())
    assert re.search(r'<[^>]*id="[^"]*until[^"]*"[^>]*><strong>' + re.escape(told), shown)
    assert 'value="特殊情况"' in shown
    assert not Waiver.objects.exists()
    assert asked(county, staff, until=county.batch.first_day).until == county.batch.first_day


def test_end_in_the_past_is_refused_while_the_batch_is_under_way(
    county: County, staff: User, clock: time_machine.Traveller
) -> None:
    """The last day of the batch and any day after it are taken: they mean the same as none."""
    first, last = county.batch.first_day, county.batch.last_day
    clock.move_to(NOW + (first - TODAY) + datetime.timedelta(days=7))
    with pytest.raises(DomainError) as refused:
        asked(county, staff, until=first)
    assert refused.value.code == "until_past"
    assert asked(county, staff, until=last + datetime.timedelta(days=1)).pk


def test_approving_what_was_just_withdrawn_is_a_message_on_the_list(
    county: County, staff: User, colleague: User, signed_in: Callable[[User], Client]
) -> None:
    waiver = asked(county, staff)
    end_waiver(waiver=waiver, by=staff, reason="不用了")
    client = signed_in(colleague)
    url = reverse("batches:approve_waiver", args=[county.batch.pk, waiver.pk])
    response = client.post(url, follow=True)
    assert response.redirect_chain == [(reverse("batches:waivers", args=[county.batch.pk]), 302)]
    told = f"没有办：第1班的 R15 例外，{staff}已撤回（不用了）。请看列表里的新情况。"
    assert [str(message) for message in response.context["messages"]] == [told]
    with pytest.raises(Conflict):
        end_waiver(waiver=waiver, by=colleague, reason="不行")
    waiver.refresh_from_db()
    assert waiver.approver is None
    assert client.post(reverse("batches:approve_waiver", args=[county.batch.pk, waiver.pk + 1])).status_code == 404


@pytest.mark.parametrize("approved", [False, True])
def test_message_is_of_what_ending_was_under_the_lock(
    county: County, staff: User, colleague: User, signed_in: Callable[[User], Client], approved: bool
) -> None:
    """A third person's page says 不批准; the exception is approved while the button is pressed."""
    waiver, third = asked(county, staff), factories.user_with_role(Role.CENTRE, name="何三")
    client, url = signed_in(third), reverse("batches:end_waiver", args=[county.batch.pk, waiver.pk])
    before = audit.act

    def just_before(*args: Any, **values: Any) -> Any:
        if args[0] == "end_waiver" and approved:
            Waiver.objects.filter(pk=waiver.pk).update(approver=colleague, approved_at=timezone.now())
        return before(*args, **values)

    with mock.patch.object(audit, "act", just_before):
        answer = client.post(url, {"reason": "不合适"}, follow=True)
    done, more = ("已取消", "已经发布的安排不变。") if approved else ("没有批准", "")
    assert [str(row) for row in answer.context["messages"]] == [f"{done}第1班的 R15 例外。{more}"]
    assert notices(staff)[-1][1] == f"第1班的 R15“在村天数”例外：{third.name}{done}，原因：不合适。"
    waiver.refresh_from_db()
    assert [line.chip[1] for line in lines_of(county.batch, staff)] == [done]


def test_second_who_ends_it_reads_what_the_first_did(county: County, staff: User, colleague: User) -> None:
    waiver = asked(county, staff)
    end_waiver(waiver=waiver, by=colleague, reason="还能再挤一天")
    with pytest.raises(Conflict) as refused:
        end_waiver(waiver=waiver, by=staff, reason="不用了")
    assert f"例外，{colleague}没有批准（还能再挤一天）" in refused.value.message
