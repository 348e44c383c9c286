"""Lists of earlier sessions: whom a row means, and what is written of it."""

import datetime
import json

import pytest

from accounts.models import User
from cadres import actions
from cadres.models import Cadre, PastAttendance, RosterImport
from config.errors import Conflict, DomainError
from tests.cadres.lists import effects, past_list_of, read, written
from tests.factories import CadreFactory, UnitFactory

pytestmark = pytest.mark.django_db
PAST = RosterImport.Kind.PAST
ROW = {
    "期次": "第一期", "班级": "第3班", "单位": "县林业局", "姓名": "范海志", "身份证号": "995106199704140174",
    "开始时间": "2025-03-07", "结束时间": "2025-05-30", "结果": "良好",
}  # fmt: skip


@pytest.fixture
def cadre(db: None) -> Cadre:
    return CadreFactory(name="范海志", id_number="995106199704140174", unit=UnitFactory(name="县林业局"))


def findings(roster_import: RosterImport) -> list[tuple[str, str]]:
    return list(roster_import.findings.order_by("row", "kind").values_list("kind", "level"))


def test_past_session_is_registered_with_the_person(cadre: Cadre, staff: User) -> None:
    roster_import = written(past_list_of(ROW), staff, kind=PAST)
    part = PastAttendance.objects.get()
    assert (part.cadre, part.session, part.class_name, part.first_day, part.last_day, part.outcome) == (
        cadre, "第一期", "第3班", datetime.date(2025, 3, 7), datetime.date(2025, 5, 30), "良好",
    )  # fmt: skip
    assert (part.source_import, findings(roster_import)) == (roster_import, [])


def test_past_list_again_changes_nothing_and_a_new_outcome_only_that(cadre: Cadre, staff: User) -> None:
    written(past_list_of(ROW), staff, kind=PAST)
    assert effects(written(past_list_of(ROW), staff, kind=PAST)) == {2: "same"}
    changed = written(past_list_of(ROW | {"结果": "优秀", "班级": None}), staff, kind=PAST)
    part = PastAttendance.objects.get()
    assert (effects(changed), part.outcome, part.class_name) == ({2: "changed"}, "优秀", "第3班")
    assert json.loads(changed.rows.get().before) == {"outcome": "良好"}


def test_session_of_a_list_without_the_column_is_the_one_given(cadre: Cadre, staff: User) -> None:
    written(past_list_of(ROW | {"期次": None}), staff, kind=PAST, session="2024年第二期")
    assert PastAttendance.objects.get().session == "2024年第二期"


def test_unknown_id_number_is_refused(cadre: Cadre, staff: User) -> None:
    roster_import = read(past_list_of(ROW | {"身份证号": "995811197609117064"}), staff, kind=PAST)
    assert (effects(roster_import), findings(roster_import)) == ({2: "refused"}, [("unmatched", "error")])


def test_row_without_number_is_matched_by_name_and_unit(cadre: Cadre, staff: User) -> None:
    CadreFactory(name="范海志", unit=UnitFactory(name="县水利局"))
    written(past_list_of(ROW | {"身份证号": None}), staff, kind=PAST)
    assert PastAttendance.objects.get().cadre == cadre


def test_row_of_a_former_unit_is_matched_by_a_name_that_one_person_bears_and_remarked_on(
    cadre: Cadre, staff: User
) -> None:
    roster_import = written(past_list_of(ROW | {"身份证号": None, "单位": "县水利局"}), staff, kind=PAST)
    assert PastAttendance.objects.get().cadre == cadre
    assert ("by_name_alone", "warning") in findings(roster_import)


@pytest.mark.parametrize(("unit", "kind"), [("县水利局", "ambiguous"), ("县林业局", "ambiguous")])
def test_namesakes_that_cannot_be_told_apart_are_refused(cadre: Cadre, staff: User, unit: str, kind: str) -> None:
    CadreFactory(name="范海志", unit=cadre.unit)
    roster_import = read(past_list_of(ROW | {"身份证号": None, "单位": unit}), staff, kind=PAST)
    assert effects(roster_import) == {2: "refused"}
    assert (kind, "error") in findings(roster_import)


def test_stranger_is_refused(cadre: Cadre, staff: User) -> None:
    roster_import = read(past_list_of(ROW | {"身份证号": None, "姓名": "不在册"}), staff, kind=PAST)
    assert ("unmatched", "error") in findings(roster_import)
    with pytest.raises(DomainError):
        actions.commit_import(roster_import=roster_import, by=staff)


def test_one_person_twice_in_a_session_by_number_and_by_name_counts_once(cadre: Cadre, staff: User) -> None:
    roster_import = written(past_list_of(ROW, ROW | {"身份证号": None}), staff, kind=PAST)
    assert effects(roster_import) == {2: "new", 3: "refused"}
    assert PastAttendance.objects.count() == 1


def test_part_entered_since_the_preview_stops_the_list(cadre: Cadre, staff: User) -> None:
    roster_import = read(past_list_of(ROW), staff, kind=PAST)
    PastAttendance.objects.create(cadre=cadre, session="第一期", outcome="合格")
    with pytest.raises(Conflict):
        actions.commit_import(roster_import=roster_import, by=staff)
    assert PastAttendance.objects.get().outcome == "合格"


def test_reverted_past_list_leaves_what_was_there(cadre: Cadre, staff: User) -> None:
    PastAttendance.objects.create(cadre=cadre, session="第一期", outcome="合格")
    second = ROW | {"期次": "第二期", "开始时间": "2026-03-06", "结束时间": "2026-05-30"}
    roster_import = written(past_list_of(ROW, second), staff, kind=PAST)
    assert PastAttendance.objects.count() == 2
    actions.revert_import(roster_import=roster_import, reason="传错了", by=staff)
    part = PastAttendance.objects.get()
    assert (part.session, part.outcome, part.class_name, part.first_day) == ("第一期", "合格", "", None)


def test_past_part_changed_since_is_not_taken_back(cadre: Cadre, staff: User) -> None:
    roster_import = written(past_list_of(ROW), staff, kind=PAST)
    PastAttendance.objects.update(outcome="优秀")
    with pytest.raises(DomainError) as refused:
        actions.revert_import(roster_import=roster_import, reason="传错了", by=staff)
    assert refused.value.code == "changed_since"
    assert PastAttendance.objects.get().outcome == "优秀"


def test_old_list_shows_no_number_in_its_findings(cadre: Cadre, staff: User) -> None:
    roster_import = read(
        past_list_of(ROW | {"身份证号": "995811197609117064", "班级": "14491277306"}), staff, kind=PAST
    )
    told = str(list(roster_import.findings.values_list()))
    assert "995811197609117064" not in told
    assert "14491277306" not in told
