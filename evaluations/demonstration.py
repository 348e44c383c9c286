"""The demonstration county's evaluations: rubric, panels, sheets and results, made by the acts that pages call.

Everything follows from the batch's number and the people's order, so that every installation shows the same county.
"""

import datetime
import random
from collections import defaultdict
from collections.abc import Iterator

from django.db.models import prefetch_related_objects
from django.utils import timezone

from accounts import audit
from accounts.models import User
from bases.models import HostHousehold
from batches.models import Batch, Enrollment, PracticeClass
from cadres.models import Unit
from evaluations import actions
from evaluations.actions.rubrics import DEFAULT_NAME
from evaluations.candidates import candidates, class_of
from evaluations.duties import Duty, duties_of
from evaluations.models import Campaign, Criterion, Panel, PanelMember, Rubric, Scorer
from evaluations.queries import lines_of

Kind = PanelMember.Kind
CLASSES_OF_A_PANEL = 5
SEATS = (Kind.VILLAGER, Kind.VILLAGER, Kind.UNIT, Kind.UNIT, Kind.ADVISER)
"""Who sits on a panel; the first villager is a host household's head where there is one."""
NAMES = ("黄阿土", "林水生", "陈国华", "王丽珍", "吴志明", "郑秋香", "刘金水", "蔡建国", "许文静", "杨明亮", "谢桂花", "郭大勇",
         "洪素琴", "曾庆丰", "邱晓岚", "廖长根", "赖玉英", "徐向前", "周慧敏", "叶志强")  # fmt: skip
ORDINALS = "一二三四五六七八九十"
OPINIONS = (
    "能吃苦，和农户处得来。", "肯问肯学，老人家里的活抢着干。", "话不多，交代的事都办成了。", "会用方言，群众愿意跟他讲实话。",
    "材料交得及时，调研再深一点更好。", "带头守作息，不给农户添麻烦。", "",
)  # fmt: skip
DAYS_TO_SCORE = datetime.timedelta(days=9)
LEVEL, SPREAD, NOISE = 84, 4, 3
"""Around which score people lie, how far apart they are, and how far scorers differ about one person (points)."""


def evaluate(batch: Batch, by: User, *, password_hash: str, until: str = "final") -> Campaign:
    """Evaluate a batch that is in 评审中: until "open" about half of the sheets are in, until "final" results stand.

    `password_hash` is the demonstration accounts' own. In the second class two people are equal at the limit of 优秀 and the
    panel decides; one sheet in a hundred is never handed in. Raises the actions' DomainError when the batch has a campaign.
    """
    with audit.act("make_demonstration_evaluation", by=by, subject=batch):
        closes_on = timezone.localdate() + DAYS_TO_SCORE if until == "open" else None
        campaign = actions.create_campaign(batch=batch, rubric=_rubric(by), closes_on=closes_on, by=by)
        _make_panels(campaign, by, password_hash)
        _declare_recusal(campaign, by)
        actions.advance_campaign(campaign=campaign, act="open", by=by)
        _Scoring(campaign, by).hand_in(half=until == "open")
        if until == "final":
            _finish(campaign, by)
    return campaign


def _rubric(by: User) -> Rubric:
    newest = Rubric.objects.filter(name=DEFAULT_NAME).order_by("-version").first()
    return newest or actions.default_rubric(by=by)


def _make_panels(campaign: Campaign, by: User, password_hash: str) -> None:
    """One panel for every five classes or so, in order of their numbers."""
    classes = list(campaign.batch.classes.order_by("number"))
    count = max(1, round(len(classes) / CLASSES_OF_A_PANEL))
    accounts = _accounts(password_hash)
    units = list(Unit.objects.filter(kind=Unit.Kind.COUNTY).order_by("name"))
    for place in range(count):
        own = classes[place * len(classes) // count : (place + 1) * len(classes) // count]
        panel = actions.form_panel(campaign=campaign, name=f"第{ORDINALS[place]}评审团", classes=own, by=by)
        for turn, kind in enumerate(SEATS):
            user = next(accounts)
            is_host = kind == Kind.VILLAGER and turn == 0
            unit = units[(place * 7 + turn * 3) % len(units)] if kind == Kind.UNIT and units else None
            actions.add_panel_member(
                panel=panel, user=user, kind=kind if unit or kind != Kind.UNIT else Kind.ADVISER, unit=unit, by=by,
                household=_household_of(user) if is_host else None,
            )  # fmt: skip


def _accounts(password_hash: str) -> Iterator[User]:
    """pingshen01, pingshen02 …: the first of each panel is called after a host, so that recusal finds the guests."""
    hosts = HostHousehold.objects.filter(state=HostHousehold.State.ADMITTED).order_by(
        "base__village__name", "head", "pk"
    )
    heads = iter(hosts.values_list("head", flat=True)[::17])
    for number in range(10 * len(SEATS)):
        name = next(heads, None) if number % len(SEATS) == 0 else None
        yield User.objects.get_or_create(
            username=f"pingshen{number + 1:02d}",
            defaults={
                "name": name or NAMES[number % len(NAMES)], "password": password_hash, "must_change_password": False,
                "is_demo": True,
            },
        )[0]  # fmt: skip


def _household_of(user: User) -> HostHousehold | None:
    hosts = HostHousehold.objects.filter(head=user.name, state=HostHousehold.State.ADMITTED)
    return hosts.order_by("pk").first()


def _declare_recusal(campaign: Campaign, by: User) -> None:
    """The second villager of each panel is related to somebody of its first class."""
    people = list(candidates(campaign))
    classes = class_of(people)
    for panel in Panel.objects.filter(campaign=campaign).prefetch_related("classes").order_by("pk"):
        first = min(panel.classes.all(), key=lambda row: row.number)
        members = [person for person in people if classes[person.pk] == first]
        if members:
            seat = panel.members.get(number=2)
            actions.recuse(member=seat, enrollment=members[len(members) // 2], reason="是我外甥", by=by)


class _Scoring:
    """Hands in everybody's sheets with scores that lie around each person's own level."""

    def __init__(self, campaign: Campaign, by: User) -> None:
        self.campaign, self.by = campaign, by
        self.random = random.Random(campaign.batch.number)
        self.criteria: dict[str, list[Criterion]] = defaultdict(list)
        prefetch_related_objects([campaign.rubric], "criteria")
        for row in campaign.rubric.criteria.all():
            self.criteria[row.scorer].append(row)
        self.levels: dict[int, tuple[int, int]] = {}
        """Level and noise of each person, by enrollment id."""
        people = list(candidates(campaign))
        members: dict[PracticeClass, list[Enrollment]] = defaultdict(list)
        for pk, own in class_of(people).items():
            members[own].append(next(person for person in people if person.pk == pk))
        for own in sorted(members, key=lambda practice_class: practice_class.number):
            self._give_levels(own, sorted(members[own], key=lambda person: (person.cadre.sort_name, person.pk)))

    def _give_levels(self, practice_class: PracticeClass, members: list[Enrollment]) -> None:
        """In the second class the last place for 优秀 is claimed by two people who are equal."""
        for person in members:
            level = round(self.random.gauss(LEVEL, SPREAD))
            self.levels[person.pk] = (max(62, min(95, level)), NOISE)
        places = len(members) * self.campaign.batch.programme.excellent_percent // 100
        if practice_class.number == 2 and places and len(members) > places:
            for person in members:
                self.levels[person.pk] = (min(self.levels[person.pk][0], 85), NOISE)
            for turn, person in enumerate(members[: places + 1]):
                self.levels[person.pk] = (93 if turn >= places - 1 else 96, 0)

    def hand_in(self, *, half: bool) -> None:
        for turn, duty in enumerate(duties_of([self.campaign])):
            sheets = []
            for place, person in enumerate(duty.people):
                later = half and (place * 2 >= len(duty.people) if len(duty.people) > 1 else turn % 2)
                forgotten = not half and (turn * 31 + place) % 100 == 7
                if duty.is_open(person) and self.criteria[duty.scorer] and not later and not forgotten:
                    sheets.append(self._sheet(duty, person))
            if sheets:
                actions.cast_reviews(
                    campaign=self.campaign, user=duty.user, scorer=duty.scorer, sheets=sheets, by=duty.user
                )

    def _sheet(self, duty: Duty, person: Enrollment) -> actions.Sheet:
        level, noise = self.levels[person.pk]
        values = {
            row.pk: max(0, min(100, level + self.random.randint(-noise, noise))) for row in self.criteria[duty.scorer]
        }
        return actions.Sheet(person, values, self.random.choice(OPINIONS) if duty.scorer == Scorer.MENTOR else "")


def _finish(campaign: Campaign, by: User) -> None:
    """Frozen, computed, ties decided by the panel in favour of the first by name, final."""
    actions.advance_campaign(campaign=campaign, act="freeze", by=by)
    actions.compute_results(campaign=campaign, by=by)
    decided: set[int] = set()
    for line in lines_of(campaign):
        if line.result and line.result.tied:
            chosen = line.practice_class.pk not in decided
            decided.add(line.practice_class.pk)
            actions.settle_tie(
                result=line.result, excellent=chosen, by=by,
                reason="评审团议定：办的实事群众评价更好" if chosen else "评审团议定：名额已满，定为良好",
            )  # fmt: skip
    actions.advance_campaign(campaign=campaign, act="finalise", by=by)
