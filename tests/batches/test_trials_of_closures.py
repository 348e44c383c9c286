"""Closures that were tried become facts, also where some of their days are closed already, and what follows in force."""

import pytest
from django.test import Client

from accounts.models import User
from bases.actions import close_place
from bases.models import Closure
from batches.actions.repair import close_everywhere
from batches.actions.trials import adopt_trial
from batches.forms.repair import CloseForm
from batches.queries import latest_run
from batches.studio import closed_since
from config.errors import DomainError
from tests.batches.county import FIRST, County
from tests.batches.pages import page, post
from tests.batches.test_trials import trial_of

pytestmark = pytest.mark.django_db


def test_adopted_closure_adds_the_days_on_which_a_base_is_still_open(planned: County, staff: User) -> None:
    one, two = planned.bases
    for day in (17, 19):
        close_place(
            base=one,
            first_day=FIRST.replace(day=day),
            last_day=FIRST.replace(day=day),
            kind="works",
            by=staff,
            reason="修路",
        )
    days = {"from": "2027-03-16", "until": "2027-03-20"}
    rows = [{"kind": "close", "place": "base", "id": f"P{base.pk}"} | days for base in (one, two)]
    adopt_trial(run=trial_of(planned, rows), by=staff, reason="台风")
    spans = Closure.objects.filter(live=True).order_by("base", "days").values_list("base", "days")
    assert [(base, row.lower.day, row.upper.day) for base, row in spans] == [
        (one.pk, 16, 17), (one.pk, 17, 18), (one.pk, 18, 19), (one.pk, 19, 20), (two.pk, 16, 20),
    ]  # fmt: skip
    with pytest.raises(DomainError, match="都已停接"):
        close_everywhere(first_day=FIRST.replace(day=16), last_day=FIRST.replace(day=19), by=staff, reason="台风")


def test_adoption_in_force_leads_to_a_repair(desk: Client, published: County) -> None:
    close = {
        "kind": "close",
        "place": "base",
        "id": f"P{published.bases[1].pk}",
        "from": "2027-03-19",
        "until": "2027-03-20",
    }
    run = trial_of(published, [close])
    assert "少变动重排”重排一次" in post(desk, "adopt_trial", published.batch.pk, run.pk, reason="修路")


def test_trial_of_a_batch_in_force_is_adopted_once(published: County, staff: User, desk: Client) -> None:
    classes = published.batch.classes.count()
    run = trial_of(published, [
        {"kind": "more_classes", "batch": f"B{published.batch.pk}", "track": f"W{published.classes[0].track_id}", "count": 2,
         "ids": ["K900001", "K900002"], "parities": ["odd", "even"]},
    ])  # fmt: skip
    adopt_trial(run=run, by=staff, reason="多开一班")
    assert published.batch.classes.count() == classes + 2
    run.refresh_from_db()
    with pytest.raises(DomainError, match="已经采用过") as refused:
        adopt_trial(run=run, by=staff, reason="多开一班")
    assert refused.value.code == "not_adoptable"
    assert published.batch.classes.count() == classes + 2
    shown = page(desk, "studio", published.batch.pk, query=f"?run={run.pk}")
    assert "这个试算的改动已经采用过" in shown
    assert "采用这些改动…" not in shown


def test_trial_tells_closures_registered_since_the_plan_it_is_held_against(
    published: County, staff: User, desk: Client
) -> None:
    """A cure tried while a typhoon is registered: what it brings and what the typhoon takes away may come out even."""
    origin = latest_run(published.batch)
    close_place(
        base=published.bases[0], first_day=FIRST.replace(day=17), last_day=FIRST.replace(day=18), kind="works", by=staff,
        reason="修路",
    )  # fmt: skip
    own = {
        "kind": "close",
        "place": "base",
        "id": f"P{published.bases[1].pk}",
        "from": "2027-03-19",
        "until": "2027-03-20",
    }
    before = trial_of(published, [own], against=origin)
    close_everywhere(first_day=FIRST.replace(day=22), last_day=FIRST.replace(day=24), by=staff, reason="台风")
    trial = trial_of(published, [own], against=origin)
    one, two = (base.village for base in published.bases)
    assert closed_since(published.batch, before) == [f"{one}2027年3月17日至3月18日停用"]
    assert closed_since(published.batch, trial) == [
        f"{one}2027年3月17日至3月18日停用",
        f"2个基地2027年3月22日至3月24日停用：{one}、{two}",
    ]
    shown = page(desk, "studio", published.batch.pk, query=f"?run={trial.pk}")
    assert "算出以后登记的停接也算在这次试算里" in shown
    assert f"2个基地2027年3月22日至3月24日停用：{one}、{two}" in shown
    assert "登记的停接也算" not in page(desk, "studio", published.batch.pk)
    again = trial_of(published, [own], against=trial)
    assert closed_since(published.batch, again) == []


def test_places_to_close_stand_under_their_bases(published: County) -> None:
    form = CloseForm(published.batch, None)
    (_, first), *groups = form.fields["place"].choices
    assert first == "请选一处"
    names = [name for name, _ in groups]
    assert sorted(names) == sorted(str(base.village) for base in published.bases)
    base = published.bases[0]
    rows = dict(groups)[str(base.village)]
    assert rows[0] == (f"P{base.pk}", f"{base.village}整个基地")
    homes = {f"H{home.pk}" for home in base.households.all()}
    assert homes == {key for key, _ in rows if key.startswith("H")}
    for key, name in rows:
        if key.startswith("R"):
            assert any(name.startswith(str(home)) for home in base.households.all())
