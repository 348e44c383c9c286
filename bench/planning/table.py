"""The table of the bench, in Markdown."""

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

Piece = dict[str, Any]
HEAD = Path(__file__).with_name("RESULTS.head.md")
TAIL = Path(__file__).with_name("RESULTS.tail.md")


def text_of(pieces: list[Piece], growth: Piece | None) -> str:
    """What RESULTS.md says of the pieces, in the order given, and of the growth of stage 1."""
    parts = [
        HEAD.read_text(encoding="utf-8"),
        _versions(pieces),
        _instances(pieces),
        _targets(pieces),
        _growth(pieces, growth),
    ]
    parts += [_replans(pieces), _levels(pieces), _second(pieces)]
    parts.append(TAIL.read_text(encoding="utf-8") if TAIL.exists() else "")
    return "\n".join(part.rstrip() + "\n" for part in parts if part)


def _rows(head: list[str], rows: list[list[Any]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _versions(pieces: list[Piece]) -> str:
    seen = sorted({(piece["source"], tuple(sorted(piece["versions"].items()))) for piece in pieces})
    lines = [f"- planner {source}: " + ", ".join(f"{n} {v}" for n, v in versions) for source, versions in seen]
    return "\n".join(lines) + "\n"


def _instances(pieces: list[Piece]) -> str:
    head = ["instance", "kind", "cadres", "fingerprint of the input", "of the plan", "hard breaches"]
    head += ["explanations (borne out)", "MB", "planner"]
    rows = [
        [
            piece["name"],
            piece["kind"],
            piece["cadres"],
            f"`{piece['fingerprint'][:16]}`",
            f"`{piece['plan_fingerprint'][:16]}`",
            len(piece["breaches"]),
            "{} ({})".format(*piece["explained"]) if piece.get("explained") else "–",
            piece["peak_mb"],
            piece["source"],
        ]
        for piece in pieces
    ]
    return "## Instances\n\n" + _rows(head, rows)


def _targets(pieces: list[Piece]) -> str:
    """Cost and quality, one line an instance."""
    head = ["instance"]
    head += [f"stage {n}: CPU ÷ yardstick" for n in (1, 2, 3, 4)]
    head += ["stage 2: dt a batch", "batches with every marginal cell exact", "pair cells exact", "mean ages, years"]
    head += [
        "load max ÷ mean",
        "÷ fluid bound (least of whole classes)",
        "Jain (fluid; most of whole classes)",
        "travel gap",
        "income range (before; bound)",
        "repeats over bound",
    ]
    rows = []
    for piece in pieces:
        ratios = {row["stage"]: _ratio(row["cpu"], row["yardstick_cpu"]) for row in piece["stages"]}
        dt = next((row["deterministic"] for row in piece["stages"] if row["stage"] == 2), 0.0)
        balance, load = piece["quality"].get("balance"), piece["quality"].get("load")
        levels = {row["level"]: row for row in piece["levels"]}
        row: list[Any] = [piece["name"], *(ratios.get(n, "–") for n in (1, 2, 3, 4))]
        row.append(f"{dt / piece['batches']:.2f}")
        row.append(f"{balance['batches_marginally_exact']} of {balance['batches']}" if balance else "–")
        row.append(_share(balance["pair_cells"] - balance["pair_cells_off"], balance["pair_cells"]) if balance else "–")
        row.append(f"{balance['mean_age_range_mean']} (worst {balance['mean_age_range']})" if balance else "–")
        row += [load["max_over_mean"], _over(load), _jain(load)] if load else ["–"] * 3
        row.append(f"{100 * levels['travel_km']['gap']:.2f} %" if "travel_km" in levels else "–")
        row.append(_income(levels, piece))
        row.append(_repeats(levels, piece))
        rows.append(row)
    return "## Cost and quality\n\n" + _rows(head, rows)


def _ratio(mine: float, yardstick: float) -> str:
    return f"{mine / max(yardstick, 0.001):.2f}×"


def _over(load: dict[str, Any]) -> str:
    """The peak over the fluid bound, and what whole classes come to at least."""
    least = load.get("whole_over_fluid")
    return f"{load['over_fluid']}" + (f" ({least})" if least is not None else "")


def _jain(load: dict[str, Any]) -> str:
    """Jain's index, that of poured person-days, and what whole classes come to at most."""
    most = load.get("jain_whole")
    return f"{load['jain']} ({load['jain_fluid']}" + (f"; {most})" if most is not None else ")")


def _share(part: int, whole: int) -> str:
    return f"{100 * part / max(1, whole):.2f} %"


def _income(levels: dict[str, Any], piece: Piece) -> str:
    if "lasting_income_range" not in piece["quality"]:
        return "–"
    found, bound = piece["quality"], levels["income_range"]["bound"]
    known = [found.get("lasting_income_range_before", "–"), "–" if bound is None else round(bound, 4)]
    return f"{found['lasting_income_range']} ({known[0]}; {known[1]})"


def _repeats(levels: dict[str, Any], piece: Piece) -> str:
    row = levels.get("room_mate_repeats")
    if row is None:
        return "–"
    pairs = max(1, piece["quality"]["journey"]["room_mate_pairs"])
    return f"{row['value'] - row['bound']} = {100 * (row['value'] - row['bound']) / pairs:.2f} % of pairs"


def _growth(pieces: list[Piece], growth: Piece | None) -> str:
    """Exponents of CPU seconds over the number of cadres, from one size's mean to the next."""
    cpu: dict[int, dict[str, list[tuple[int, float, float]]]] = defaultdict(lambda: defaultdict(list))
    for row in growth["instances"] if growth else []:
        cpu[1][row["size"]].append((row["cadres"], row["cpu"], row["yardstick_cpu"]))
    for piece in pieces:
        for row in piece["stages"]:
            if piece["kind"] != "tracks" and row["stage"] > 1:
                cpu[row["stage"]][piece["size"]].append((piece["cadres"], row["cpu"], row["yardstick_cpu"]))
    head = ["stage", "small to county", "county to city", "yardstick: small to county", "county to city"]
    rows = []
    for stage, sizes in sorted(cpu.items()):
        means = {size: [sum(column) / len(column) for column in zip(*row, strict=True)] for size, row in sizes.items()}
        steps = [("small", "county"), ("county", "city")]
        row = [_exponent(means, *step, which) for which in (1, 2) for step in steps]
        rows.append([stage, *row])
    told = f"\nStage 1: planner {growth['source']}, all sizes in one process (`growth.py`).\n" if growth else ""
    return "## Growth: exponent of CPU time over cadres (instances of one track)\n\n" + _rows(head, rows) + told


def _exponent(means: dict[str, list[float]], one: str, two: str, which: int) -> str:
    if one not in means or two not in means or not means[one][which]:
        return "–"
    return f"{math.log(means[two][which] / means[one][which]) / math.log(means[two][0] / means[one][0]):.2f}"


def _replans(pieces: list[Piece]) -> str:
    """What was changed of what is out, against the least that must be."""
    rows = []
    for piece in pieces:
        scratch = next((row["cpu"] for row in piece["stages"] if row["stage"] == 3), 0.0)
        for row in piece.get("replans", ()):
            moves = [f"{value:g} ({bound:g})" for value, bound in row["moves"].values()]
            rows.append([piece["name"], row["what"], *moves, f"{row['cpu'] / scratch:.2f}×", row["breaches"]])
    head = ["instance", "what happens", "changed seats (least)", "classes (least)", "gatherings (least)"]
    return "## Replanning\n\n" + _rows([*head, "stage 3: CPU ÷ from scratch", "hard breaches"], rows)


def _levels(pieces: list[Piece]) -> str:
    head = ["instance", "stage", "level", "value", "bound", "gap", "yardstick", "deterministic time of the stage"]
    rows = []
    for piece in pieces:
        dt = {row["stage"]: row["deterministic"] for row in piece["stages"]}
        told = None
        for row in piece["levels"]:
            first = row["stage"] != told
            told = row["stage"]
            gap = "–" if row["gap"] is None else f"{row['gap']:.4g}"
            bound = "–" if row["bound"] is None else row["bound"]
            yardstick = piece["yardstick"].get(row["level"], "–")
            time = dt[row["stage"]] if first else ""
            rows.append([piece["name"], row["stage"], row["level"], row["value"], bound, gap, yardstick, time])
    return "## Objective vectors\n\n" + _rows(head, rows)


def _second(pieces: list[Piece]) -> str:
    known = [piece for piece in pieces if piece["second_opinion"]]
    rows = [
        [
            piece["name"],
            sum(abs(row["planner"] - row["other"]) <= 0.01 for row in piece["second_opinion"]),
            len(piece["second_opinion"]),
        ]
        for piece in known
    ]
    text = "## Stage 1 by a second solver (HiGHS, level by level)\n\n"
    return text + _rows(["instance", "levels of equal value", "levels"], rows)
