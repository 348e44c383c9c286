"""What a plan of the yardstick says is short."""

import collections

from .greedy_case import date, slots


def shortfalls(problem, assigned, class_of, held, stages):
    """Everything demanded and not met: must batches, coverage by unit, class minima, villages, village days."""
    rules = problem.rules
    rows = []
    uncovered = collections.Counter()
    for c in problem.cadres:
        if c["must"] and c["id"] not in assigned:
            rows.append({"rule": "R07", "subject": c["id"], "amount": 1, "message": "指定期次未能安排"})
        if c["_tier"] == 0 and c["_track"] and c["id"] not in assigned:
            uncovered[c["unit"]] += 1
    for unit, amount in uncovered.items():
        rows.append(
            {
                "rule": "COVER",
                "subject": unit,
                "amount": amount,
                "message": f"{rules['full_coverage_age']}周岁以下未参加过的干部还有{amount}人排不进",
            }
        )
    if stages >= 2:
        size = collections.Counter(class_of.values())
        for batch in problem.batches:
            for k in batch["classes"]:
                low = rules["class_size"]["min"]
                if size[k["id"]] < low:
                    rows.append(
                        {
                            "rule": "R04",
                            "subject": k["id"],
                            "amount": low - size[k["id"]],
                            "message": "班级人数不足下限",
                        }
                    )
                if stages >= 3 and size[k["id"]]:
                    mine = held.get(k["id"], {})
                    days = len(mine) * rules["gathering_days"]
                    villages = {v for row in mine.values() for v in row[2]}
                    if len(villages) < rules["min_distinct_villages"]:
                        rows.append(
                            {
                                "rule": "R14",
                                "subject": k["id"],
                                "amount": rules["min_distinct_villages"] - len(villages),
                                "message": "到访村数不足",
                            }
                        )
                    if days < rules["min_village_days"]:
                        rows.append(
                            {
                                "rule": "R15",
                                "subject": k["id"],
                                "amount": rules["min_village_days"] - days,
                                "message": "累计在村天数不足",
                                "offer": offer(problem, k, batch, held),
                            }
                        )
    rows.sort(key=lambda r: (r["rule"], r["subject"]))
    return rows


def offer(problem, klass, batch, held):
    """What the make-up rule offers a class short of days: gatherings of other classes of the batch on days it is free."""
    kind = problem.rules["makeup_rule"]
    result = {"kind": kind, "gatherings": [], "first_days": []}
    days = problem.rules["gathering_days"]
    mine = [row[0] for row in held.get(klass["id"], {}).values()]
    if kind == "join_class":
        for other in batch["classes"]:
            if other["id"] != klass["id"]:
                for index, row in sorted(held.get(other["id"], {}).items()):
                    if all(abs(row[0] - day) >= days for day in mine):
                        result["gatherings"].append([other["id"], index])
    elif kind == "extra_weekend":
        other_parity = "even" if klass["parity"] == "odd" else "odd"
        for parity in (klass["parity"], other_parity):
            for _, starts in slots(problem, batch, parity):
                for day in starts:
                    if all(abs(day - taken) >= days for taken in mine):
                        result["first_days"].append(date(day))
        result["first_days"].sort()
    return result
