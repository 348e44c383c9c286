"""A batch in evaluation with two classes, each with everybody who scores it, and its campaign, open."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from accounts.models import User
from batches.models import Batch, Enrollment, PracticeClass
from config.errors import DomainError
from evaluations import actions
from evaluations.models import Campaign, Panel, PanelMember, Review, Scorer
from tests.factories import (
    BatchFactory,
    ClassFactory,
    ClassStaffFactory,
    MembershipFactory,
    MentorshipFactory,
    UnitFactory,
    UserFactory,
)

SIZE = 5


def refusal(act: Callable[..., object], /, *arguments: object, **options: object) -> str:
    """The code of the DomainError that an act must raise."""
    with pytest.raises(DomainError) as refused:
        act(*arguments, **options)
    return refused.value.code


@dataclass
class Side:
    """A class of five, its mentor (of all), its head teacher, and a panel of a villager and somebody from a unit."""

    practice_class: PracticeClass
    people: list[Enrollment]
    mentor: User
    head_teacher: User
    villager: User
    official: User
    panel: Panel | None = None
    seats: dict[int, PanelMember] = field(default_factory=dict)


@dataclass
class Evaluation:
    batch: Batch
    staff: User
    campaign: Campaign
    ours: Side
    theirs: Side

    def criteria(self, scorer: str) -> list[int]:
        return list(self.campaign.rubric.criteria.filter(scorer=scorer).order_by("order").values_list("pk", flat=True))

    def values(self, scorer: str, *scores: int) -> dict[int, int]:
        """Scores in the order of the scorer's criteria; one score stands for all."""
        keys = self.criteria(scorer)
        return dict(zip(keys, scores if len(scores) > 1 else scores * len(keys), strict=True))

    def score(self, person: Enrollment, user: User, scorer: str, *scores: int, **changes: Any) -> Review:
        """Hand in a sheet; `changes` replace arguments of the action."""
        given: Mapping[str, Any] = {
            "campaign": self.campaign, "enrollment": person, "user": user, "scorer": scorer, "comment": "", "cast": True,
            "values": self.values(scorer, *(scores or (85,))), "by": user,
        }  # fmt: skip
        return actions.save_review(**{**given, **changes})

    def score_all(self, side: Side, people: Iterable[Enrollment], score: int) -> None:
        """Everybody who scores these people gives the same to each line."""
        for person in people:
            self.score(person, side.mentor, Scorer.MENTOR, score)
            self.score(person, side.head_teacher, Scorer.HEAD_TEACHER, score)
            self.score(person, side.villager, Scorer.PANEL, score)

    def advance(self, *acts: str) -> None:
        for act in acts:
            if act == "compute":
                actions.compute_results(campaign=self.campaign, by=self.staff)
            else:
                actions.advance_campaign(campaign=self.campaign, act=act, by=self.staff, reason="测试需要")


def make_side(batch: Batch, number: int, size: int = SIZE) -> Side:
    practice_class = ClassFactory(batch=batch, number=number)
    people = [MembershipFactory(practice_class=practice_class, cadre__name=f"学员{i}").enrollment for i in range(size)]
    mentor = UserFactory(name=f"导师{number}")
    for person in people:
        MentorshipFactory(enrollment=person, user=mentor)
    return Side(
        practice_class, people, mentor, ClassStaffFactory(practice_class=practice_class).user,
        UserFactory(name=f"群众{number}"), UserFactory(name=f"单位{number}"),
    )  # fmt: skip


def seat(side: Side, campaign: Campaign, by: User) -> None:
    side.panel = actions.form_panel(
        campaign=campaign, name=f"第{side.practice_class.number}评审团", classes=[side.practice_class], by=by
    )
    kinds = PanelMember.Kind
    for user, kind, unit in ((side.villager, kinds.VILLAGER, None), (side.official, kinds.UNIT, UnitFactory())):
        side.seats[user.pk] = actions.add_panel_member(panel=side.panel, user=user, kind=kind, unit=unit, by=by)


def prepare(staff: User) -> Evaluation:
    """Everything but opened."""
    batch = BatchFactory(state=Batch.State.EVALUATING)
    campaign = actions.create_campaign(batch=batch, rubric=actions.default_rubric(by=staff), by=staff)
    found = Evaluation(batch, staff, campaign, make_side(batch, 1), make_side(batch, 2))
    for side in (found.ours, found.theirs):
        seat(side, campaign, staff)
    return found


@pytest.fixture
def prepared(staff: User) -> Evaluation:
    return prepare(staff)


@pytest.fixture
def open_one(prepared: Evaluation) -> Evaluation:
    prepared.advance("open")
    return prepared
