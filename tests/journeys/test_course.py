"""The programme's whole course by clicking, from a county in which nothing is registered to the dashboard of its results."""

from pathlib import Path

import pytest
from django.core.management import call_command

from tests.journeys import in_the_village as village
from tests.journeys import setting_up as at_first
from tests.journeys.scoring import evaluate, see_results
from tests.journeys.setting_up import NewPerson

pytestmark = [pytest.mark.browser, pytest.mark.worker, pytest.mark.django_db(transaction=True)]


def test_course_from_an_empty_county(person: NewPerson, worker: Path, tmp_path: Path) -> None:
    centre = at_first.first_account(person)
    at_first.import_roster(centre)
    at_first.import_bases(centre, tmp_path)
    at_first.enter_holidays(centre)
    at_first.set_rules(centre)
    batch = at_first.create_batch(centre)
    at_first.gather_names(centre, person, batch)
    at_first.make_plan(centre, batch)
    at_first.publish(centre, batch)
    cast = village.staff_the_class(centre, batch)
    village.fetch_roster(centre, cast, tmp_path)
    leader = village.appoint_leader(person, cast)
    leader.see("惠民实事", "0 / 3")
    monitor = village.gather(person, cast, tmp_path)
    village.review(person, cast)
    village.confirm(monitor, cast)
    village.see_what_is_owed(person, cast)
    leader.open(leader.page.url)
    leader.see("1 / 3")
    evaluate(centre, person, cast, batch)
    see_results(leader)
    call_command("check_invariants")
    call_command("verify_audit")
