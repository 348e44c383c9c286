"""The whole demonstration, stage by stage."""

import datetime
from collections.abc import Callable

from django.contrib.auth.hashers import make_password
from django.utils import timezone

from accounts.models import User
from accounts.passwords import DEMO_PASSWORD
from bases.demonstration import make_bases
from batches.actions.batch import save_programme
from batches.models import Programme
from cadres.demonstration import make_units_and_cadres
from config.errors import DomainError
from evaluations.demonstration import evaluate
from office.calendar import seed_calendar
from reports.demonstration import people
from reports.demonstration.sessions import Session

STAGES = ("nominating", "planned", "running", "evaluating", "closed")
WEEK = datetime.timedelta(weeks=1)
WEEKS = 13
Say = Callable[[str], None]

FIRST_DAY: dict[str, int] = {"nominating": 2, "planned": 2, "running": -5, "evaluating": -14, "closed": -14}
"""In which week, counted from this one, the second session begins, so that today lies within its stage."""
FIRST_SESSION = -35
"""The first session lies before any second one."""


def build(stage: str, say: Say) -> None:
    """Fill an empty county and bring its second session to a stage. Raises DomainError for an unknown stage."""
    if stage not in STAGES:
        raise DomainError("no_such_stage", f"没有“{stage}”这个阶段。可以是：{'、'.join(STAGES)}。")
    password_hash = make_password(DEMO_PASSWORD)
    by = people.county_accounts(password_hash)["fuwu"]
    _calendar(by)
    say("单位和干部")
    make_units_and_cadres(by, password_hash=password_hash)
    say("基地和农户")
    make_bases(by, password_hash=password_hash)
    say("第1期：名单、编排、集中、纪实、评审、归档")
    _first_session(by, password_hash)
    say(f"第2期：到“{stage}”")
    _second_session(stage, by, password_hash)


def _calendar(by: User) -> None:
    year = timezone.localdate().year
    for known in (year - 1, year, year + 1):
        try:
            seed_calendar(known, by=by)
        except DomainError as error:
            if error.code != "calendar_unknown":
                raise


def _monday(weeks: int) -> datetime.date:
    today = timezone.localdate()
    return today - datetime.timedelta(days=today.weekday()) + weeks * WEEK


def _programme(by: User, name: str, **rules: object) -> Programme:
    """266 people in 14 classes of 19, Friday to Sunday; the rest are the defaults unless given."""
    programme = Programme(
        name=name,
        class_size=19,
        class_size_min=17,
        class_size_max=20,
        start_weekdays=[5],
        age_bands=[30, 35, 40],
        **rules,
    )
    return save_programme(programme=programme, by=by, tracks=[{"order": 1, "name": "综合班", "classes_per_batch": 14}])


def _first_session(by: User, password_hash: str) -> None:
    programme = _programme(
        by, "四下基层实践（试点）", unit_max_per_batch=6, min_village_days=12, makeup_rule="join_class"
    )
    session = Session(programme, 1, _monday(FIRST_SESSION), weeks=WEEKS, by=by, password_hash=password_hash)
    session.nominate(answered=True)
    session.plan()
    session.publish()
    session.run(until=timezone.localdate())
    session.hand_in_papers(everybody=True)
    session.begin_evaluation()
    evaluate(session.batch, by, password_hash=password_hash, until="final")
    session.archive()


def _second_session(stage: str, by: User, password_hash: str) -> None:
    programme = _programme(by, "四下基层实践", unit_max_per_batch=6)
    session = Session(programme, 2, _monday(FIRST_DAY[stage]), weeks=WEEKS, by=by, password_hash=password_hash)
    reached = STAGES.index(stage)
    session.nominate(answered=reached > 0)
    if reached >= STAGES.index("planned"):
        session.plan()
    if reached >= STAGES.index("running"):
        session.publish()
        session.run(until=timezone.localdate())
    if reached >= STAGES.index("evaluating"):
        session.hand_in_papers(everybody=stage == "closed")
        session.begin_evaluation()
        evaluate(session.batch, by, password_hash=password_hash, until="final" if stage == "closed" else "open")
    if stage == "closed":
        session.archive()
