"""What a class more would come to, told before it is added: sizes of classes (R04), and whether they can be filled from both
weeks (R03).

Every unit sends half of its people in odd weeks and half in even ones, but for people who can come in the weeks of one kind
alone and units with an exception. A class of one week alone, in a batch whose classes are alike, asks for more people of that
week than the units may send: a pair of classes does not.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from batches.models import Batch, Parity, Track
from batches.plan_ids import key
from batches.planning.problem import Problem
from batches.planning_input import seats_in_force

WAYS: tuple[tuple[str, ...], ...] = ((Parity.ODD, Parity.EVEN), (Parity.ODD,), (Parity.EVEN,))
WORDS = {WAYS[0]: "单周、双周各一个班", WAYS[1]: "单周一个班", WAYS[2]: "双周一个班"}
BESIDE = "（只能在单周或双周来的人、批准的例外都已算上）"
Span = tuple[int, int]
Classes = Counter[tuple[str, str]]
"""How many classes there are by track and weeks."""


@dataclass
class Sent:
    """Who of a unit takes part: track and the only weeks that suit (none: both do) of each; `waived`: no halves are asked."""

    people: list[tuple[str, str | None]] = field(default_factory=list)
    waived: bool = False


@dataclass(frozen=True)
class Way:
    """One way of adding to a track. `sizes` are those of the track's classes afterwards, smallest and largest.

    `over` people find no seat, `short` are missing in all classes below the least size, `gap` is by how many people
    the weeks miss each other: `side` would have to take `asked` and the units have at most `sent`; `bound`: people who can
    come in one kind of weeks alone, or exceptions, are in these figures.
    """

    track: Track
    parities: tuple[str, ...]
    sizes: Span
    over: int
    short: int
    gap: int
    side: str
    asked: int
    sent: int
    bound: bool = False

    @property
    def code(self) -> str:
        return f"{self.track.pk}:{'+'.join(self.parities)}"

    @property
    def harm(self) -> tuple[int, int, int, int]:
        """What is worse comes later: no seat, no publication without an exception, small classes; of ways alike the smaller."""
        return self.over, self.gap, self.short, len(self.parities)


def ways_of(batch: Batch) -> list[Way]:
    """Every way of adding a class or a pair to a batch in force, track by track, with its figures."""
    tracks = list(batch.programme.tracks.order_by("order"))
    problem = Problem(seats_in_force(batch))
    classes = Counter((klass.track, klass.parity) for klass in problem.batches[0].classes)
    units = _units(problem)
    return [_way(batch, track, parities, classes, units) for track in tracks for parities in WAYS]


def _units(problem: Problem) -> list[Sent]:
    """Units in order, with those of their people who fit a track."""
    name = problem.batches[0].id
    units = {unit: Sent(waived=problem.is_waived("R03", f"{unit}@{name}")) for unit in problem.units}
    for cadre in problem.cadres:
        if cadre.track is not None:
            own = None if problem.is_waived("R07", cadre.id) else cadre.parity
            units[cadre.unit].people.append((cadre.track, own))
    return [sent for sent in units.values() if sent.people]


def _way(batch: Batch, track: Track, parities: tuple[str, ...], classes: Classes, units: Sequence[Sent]) -> Way:
    name = key("W", track.pk)
    after = classes + Counter((name, parity) for parity in parities)
    people = sum(mine == name for sent in units for mine, _ in sent.people)
    count = after[name, Parity.ODD] + after[name, Parity.EVEN]
    least, rest = divmod(people, count)
    rules = batch.programme
    side, asked, sent = clash(after, units)
    return Way(
        track, parities, (least, least + (rest > 0)), over=max(0, people - count * rules.class_size_max),
        short=rest * max(0, rules.class_size_min - least - 1) + (count - rest) * max(0, rules.class_size_min - least),
        gap=asked - sent, side=side, asked=asked, sent=sent,
        bound=any(unit.waived or any(own for _, own in unit.people) for unit in units),
    )  # fmt: skip


def clash(classes: Classes, units: Sequence[Sent]) -> tuple[str, int, int]:
    """The week whose classes ask for more people than the units may send, how many it asks for and gets; nothing: "", 0, 0."""
    low, high = 0, 0
    people = Counter(track for unit in units for track, _ in unit.people)
    for track, number in people.items():
        odd, even = classes[track, Parity.ODD], classes[track, Parity.EVEN]
        if odd + even:
            least, rest = divmod(number, odd + even)
            low += odd * least + max(0, rest - even)
            high += odd * least + min(rest, odd)
    spans = [_odd_of(unit, classes) for unit in units]
    fewest, most = (sum(span[i] for span in spans) for i in (0, 1))
    if low > most:
        return Parity.ODD, low, most
    if high < fewest:
        total = people.total()
        return Parity.EVEN, total - high, total - fewest
    return "", 0, 0


def _odd_of(unit: Sent, classes: Classes) -> Span:
    """Fewest and most of a unit's people who may go in odd weeks: half of them where their tracks have both and nothing was
    excepted (R03); whoever can come in the weeks of one kind alone goes then, also where that leaves no halves."""
    weeks = [
        {side for side in (Parity.ODD, Parity.EVEN) if classes[track, side] and own in (None, side)}
        for track, own in unit.people
    ]
    fewest = sum(sides == {Parity.ODD} for sides in weeks)
    most = sum(Parity.ODD in sides for sides in weeks)
    halves = all(classes[track, Parity.ODD] and classes[track, Parity.EVEN] for track, _ in unit.people)
    if unit.waived or not halves:
        return fewest, most
    half = len(unit.people) // 2
    return min(max(fewest, half), most), max(min(most, len(unit.people) - half), fewest)


def told(way: Way, *, several: bool, least: int) -> str:
    """A way in words; `several` tracks are told apart, `least` is the least size of a class."""
    name = f"{way.track.name}　" if several else ""
    small, large = way.sizes
    lines = [f"加开以后每班 {small} 人" if small == large else f"加开以后每班 {small} 至 {large} 人"]
    if way.over:
        lines.append(f"还有 {way.over} 人坐不下")
    if way.short:
        lines.append(f"不到下限 {least} 人，共缺 {way.short} 人（R04）")
    if way.gap:
        week = Parity(way.side).label
        lines.append(
            f"{week}的班要 {way.asked} 人，各单位单双周各去一半{BESIDE if way.bound else ''}，最多 {way.sent} 人，"
            f"差 {way.gap} 人：排不匀，要先批准 R04 的例外才能发布"
        )
    if not (way.over or way.short or way.gap):
        lines.append("单双周排得匀")
    return f"{name}{WORDS[way.parities]}：" + "；".join(lines)
