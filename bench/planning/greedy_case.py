"""What the yardstick knows of an input: dates as day numbers, people with age, track, tier and open batches."""

import datetime
import gzip
import hashlib
import json


def load(path):
    """Read a JSON or gzipped JSON file; return (document, SHA-256 of its canonical JSON)."""
    opener = gzip.open if str(path).endswith(".gz") else open
    with opener(path, "rb") as stream:
        document = json.loads(stream.read())
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return document, hashlib.sha256(text.encode()).hexdigest()


def number(text):
    return datetime.date.fromisoformat(text).toordinal()


def date(day):
    return datetime.date.fromordinal(day).isoformat()


def spans(ranges):
    return [(number(a), number(b)) for a, b in ranges]


class Problem:
    """The input with dates as day numbers and everything that several stages ask for computed once."""

    def __init__(self, document):
        self.doc = document
        self.rules = rules = document["programme"]
        self.units = {unit["id"]: unit for unit in document["units"]}
        self.cadres = sorted(document["cadres"], key=lambda c: c["id"])
        self.batches = sorted(document["batches"], key=lambda b: (b["first_day"], b["id"]))
        self.tracks = [track["id"] for track in rules["tracks"]]
        self.history_days = {row["base"]: row["person_days"] for row in document["history"]["bases"]}
        self.history_nights = {row["household"]: row["bed_nights"] for row in document["history"]["households"]}
        self.holidays = {number(day) for day in document["calendar"]["holidays"]}
        self.working = {number(day) for day in document["calendar"]["working_weekend_days"]}
        year, month = map(int, rules["reference_month"].split("-"))
        for cadre in self.cadres:
            born_year, born_month = map(int, cadre["birth"].split("-"))
            cadre["_age"] = year - born_year - (month < born_month)
            cadre["_track"] = next((t["id"] for t in rules["tracks"] if self.fits(cadre, t["criteria"])), None)
            cadre["_tier"] = 2 if cadre["attended_before"] else 0 if cadre["_age"] <= rules["full_coverage_age"] else 1
            cadre["_open"] = (
                []
                if cadre["_track"] is None or (cadre["attended_before"] and not rules["repeats"])
                else [i for i, batch in enumerate(self.batches) if self.is_open(cadre, batch)]
            )

    @staticmethod
    def fits(cadre, criteria):
        return (
            (criteria["min_age"] is None or cadre["_age"] >= criteria["min_age"])
            and (criteria["max_age"] is None or cadre["_age"] <= criteria["max_age"])
            and (not criteria["levels"] or cadre["level"] in criteria["levels"])
            and (not criteria["post_kinds"] or cadre["post_kind"] in criteria["post_kinds"])
        )

    def is_open(self, cadre, batch):
        if batch["id"] in cadre["must_not"] or (cadre["must"] and batch["id"] not in cadre["must"]):
            return False
        if not any(k["track"] == cadre["_track"] and cadre["parity"] in (None, k["parity"]) for k in batch["classes"]):
            return False
        if not cadre["unavailable"]:
            return True
        first, last = number(batch["first_day"]), number(batch["last_day"])
        away = set()
        for a, b in spans(cadre["unavailable"]):
            away.update(range(max(a, first), min(b, last + 1)))
        return len(away) <= self.rules["max_overlap_days"]


def slots(problem, batch, parity):
    """[(index, [allowed first days])] of a class of that parity, whatever the bases."""
    rules = problem.rules
    first, last = number(batch["first_day"]), number(batch["last_day"])
    monday = first - (datetime.date.fromordinal(first).isoweekday() - 1)
    days = rules["gathering_days"]
    weeks = (last - monday) // 7 + 1
    result = []
    start = 1 if parity == "odd" else 2
    earliest = min(rules["start_weekdays"] or [1])
    for week in range(start, weeks + 1, 2):
        starts = []
        for offset in range(7):
            day = monday + 7 * (week - 1) + offset
            span = range(day, day + days)
            if rules["start_weekdays"] and offset + 1 not in rules["start_weekdays"]:
                continue
            if day < first or span[-1] > last or any(d in problem.holidays for d in span):
                continue
            if offset + days - 1 >= 7 + earliest - 1:  # would meet the other parity's next gathering
                continue
            weekend = sum((d - monday) % 7 >= 5 and d not in problem.working for d in span)
            if rules["weekend_days"]["min"] <= weekend <= rules["weekend_days"]["max"]:
                starts.append(day)
        result.append(((week + 1) // 2, starts))
    return result
