"""What a class more would come to, told before it is added: sizes of classes (R04), and whether they can be filled from both
weeks (R03).

Every unit sends half of its people in odd weeks and half in even ones. A class of one week alone, in a batch whose classes are
alike, asks for more people of that week than the units may send: a pair of classes does not.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass

from batches.models import Batch, Parity, Track
from batches.plan_ids import key
from batches.planning.problem import Problem
from batches.planning_input import seats_in_force

WAYS: tuple[tuple[str, ...], ...] = ((Parity.ODD, Parity.EVEN), (Parity.ODD,), (Parity.EVEN,))
WORDS = {WAYS[0]: "单周、双周各一个班", WAYS[1]: "单周一个班", WAYS[2]: "双周一个班"}
Span = tuple[int, int]


@dataclass(frozen=True)
class Way:
    """One way of adding to a track. `sizes` are those of the track's classes afterwards, smallest and largest.

    `over` people find no seat, `short` are missing in all classes below the least size, `gap` is by how many people
    the weeks miss each other: `side` would have to take `asked` and the units have at most `sent`.
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
    units: dict[str, Counter[str]] = defaultdict(Counter)
    for cadre in problem.cadres:
        if cadre.track is not None:
            units[cadre.unit][cadre.track] += 1
    return [_way(batch, track, parities, classes, units) for track in tracks for parities in WAYS]


def _way(
    batch: Batch,
    track: Track,
    parities: tuple[str, ...],
    classes: Counter[tuple[str, str]],
    units: dict[str, Counter[str]],
) -> Way:
    name = key("W", track.pk)
    after = classes + Counter((name, parity) for parity in parities)
    people = sum((row for row in units.values()), Counter[str]())
    count = after[name, Parity.ODD] + after[name, Parity.EVEN]
    least, rest = divmod(people[name], count)
    rules = batch.programme
    side, asked, sent = _clash(after, people, units)
    return Way(
        track, parities, (least, least + (rest > 0)), over=max(0, people[name] - count * rules.class_size_max),
        short=rest * max(0, rules.class_size_min - least - 1) + (count - rest) * max(0, rules.class_size_min - least),
        gap=asked - sent, side=side, asked=asked, sent=sent,
    )  # fmt: skip


def _clash(
    classes: Counter[tuple[str, str]], people: Counter[str], units: dict[str, Counter[str]]
) -> tuple[str, int, int]:
    """The week whose classes ask for more people than the units may send, how many it asks for and gets; nothing: "", 0, 0."""
    low, high = 0, 0
    for track, number in people.items():
        odd, even = classes[track, Parity.ODD], classes[track, Parity.EVEN]
        if odd + even:
            least, rest = divmod(number, odd + even)
            low += odd * least + max(0, rest - even)
            high += odd * least + min(rest, odd)
    spans = [_odd_of(unit, classes) for unit in units.values()]
    fewest, most = (sum(span[i] for span in spans) for i in (0, 1))
    if low > most:
        return Parity.ODD, low, most
    if high < fewest:
        total = people.total()
        return Parity.EVEN, total - high, total - fewest
    return "", 0, 0


def _odd_of(unit: Counter[str], classes: Counter[tuple[str, str]]) -> Span:
    """Fewest and most of a unit's people who may go in odd weeks: half of them where their tracks have both (R03)."""
    both = [track for track in unit if classes[track, Parity.ODD] and classes[track, Parity.EVEN]]
    if len(both) == len(unit):
        return unit.total() // 2, (unit.total() + 1) // 2
    bound = sum(number for track, number in unit.items() if track not in both and classes[track, Parity.ODD])
    return bound, bound + sum(unit[track] for track in both)


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
            f"{week}的班要 {way.asked} 人，各单位单双周各去一半，最多 {way.sent} 人，差 {way.gap} 人：排不匀，"
            "要先批准 R04 的例外才能发布"
        )
    if not (way.over or way.short or way.gap):
        lines.append("单双周排得匀")
    return f"{name}{WORDS[way.parities]}：" + "；".join(lines)
