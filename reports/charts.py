"""Options of the dashboard's charts (drawn by static/js/charts.js); each chart stands beside the table it shows."""

from typing import Any

from django.urls import reverse

from batches.models import Batch
from evaluations.models import Campaign
from reports.dashboard import BaseRow, GradeRow

WAITING = {"color": "#e4efeb", "borderColor": "#17594c", "borderType": "dashed", "borderWidth": 1}


def base_load_chart(batch: Batch, rows: list[BaseRow]) -> dict[str, Any]:
    """Person-days by base, by township and village: been (solid) and to come (pale, dashed edge)."""
    names = [row.base.village.name.removesuffix("村") for row in rows]

    def points(values: list[int]) -> list[dict[str, Any]]:
        addresses = [reverse("reports:base_load", args=[batch.pk, row.base.pk]) for row in rows]
        return [{"value": value, "url": url} for value, url in zip(values, addresses, strict=True)]

    return {
        "legend": {"data": ["已接待", "待接待"]},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "data": ["\n".join(name) for name in names], "axisLabel": {"interval": 0}},
        "yAxis": {"type": "value", "name": "人天"},
        "series": [
            {"name": "已接待", "type": "bar", "stack": "load", "data": points([row.done for row in rows])},
            {
                "name": "待接待", "type": "bar", "stack": "load", "itemStyle": WAITING,
                "data": points([row.coming for row in rows]),
            },
        ],
    }  # fmt: skip


def grade_chart(campaign: Campaign, rows: list[GradeRow]) -> dict[str, Any]:
    """How many people have each grade; nothing is ranked."""
    shown = list(reversed(rows))
    data = [{"value": row.count, "url": reverse("reports:results", args=[campaign.pk, row.grade])} for row in shown]
    return {
        "grid": {"top": 8, "right": 48},
        "xAxis": {"type": "value", "minInterval": 1, "show": False},
        "yAxis": {"type": "category", "data": [row.label for row in shown]},
        "series": [{"type": "bar", "data": data, "label": {"show": True, "position": "right", "formatter": "{c} 人"}}],
    }
