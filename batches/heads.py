"""How many people come to a gathering: the members of its class on its first day, and whoever else sleeps there.

The one place that counts them; site rows, uses of bases, papers and notices follow.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

from batches.models import ClassMembership, Gathering, GatheringSite, Lodging


def members_of(gatherings: Iterable[Gathering]) -> dict[int, list[ClassMembership]]:
    """Gathering → those who sit in its class on its first day, in order of names (one query). Who leaves or joins in the
    middle of it belongs to it, or does not, as on that day."""
    rows = list(gatherings)
    sitting: dict[int, list[ClassMembership]] = defaultdict(list)
    memberships = ClassMembership.objects.filter(
        practice_class__in={row.practice_class_id for row in rows}, live=True, enrollment__live=True
    ).select_related("enrollment__cadre__unit")
    for membership in memberships.order_by("enrollment__cadre__sort_name", "pk"):
        sitting[membership.practice_class_id].append(membership)
    return {row.pk: [each for each in sitting[row.practice_class_id] if row.first_day in each.days] for row in rows}


def heads_of(gatherings: Iterable[Gathering]) -> dict[int, dict[int, int]]:
    """Gathering → base → people, in order of travel (3 queries).

    Everybody counts at the base where the bed is; members without a bed count where the base expected them so far, else at
    the first. A base with nobody left has 0.
    """
    rows = list(gatherings)
    members = {pk: {each.enrollment_id for each in found} for pk, found in members_of(rows).items()}
    lodged: dict[int, dict[int, int]] = defaultdict(dict)
    beds = Lodging.objects.filter(gathering__in=members, live=True).order_by("pk")
    for gathering, enrollment, base in beds.values_list("gathering", "enrollment", "household__base"):
        lodged[gathering][enrollment] = base
    expected: dict[int, dict[int, int]] = {pk: {} for pk in members}
    sites = GatheringSite.objects.filter(gathering__in=members, live=True).order_by("order", "pk")
    for gathering, base, people in sites.values_list("gathering", "base", "people"):
        expected[gathering][base] = people
    return {
        pk: _shared(expected[pk], Counter(lodged[pk].values()), len(members[pk] | lodged[pk].keys())) for pk in members
    }


def _shared(expected: dict[int, int], lodged: Counter[int], total: int) -> dict[int, int]:
    heads = {base: lodged[base] for base in expected}
    rest = total - lodged.total()
    for base, people in expected.items():
        more = min(max(people - heads[base], 0), rest)
        heads[base] += more
        rest -= more
    for base in list(heads)[:1]:
        heads[base] += rest
    return heads
