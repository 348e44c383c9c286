"""The parameters of a programme in the order and words in which people read them."""

from typing import Any

from batches.models import Programme

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("谁参加", ("name", "full_coverage_age", "repeats", "unit_max_per_batch", "leading_max", "max_overlap_days")),
    ("期和班", ("batch_months", "class_size", "class_size_min", "class_size_max", "age_bands")),
    (
        "集中",
        (
            "gathering_interval_weeks", "gathering_days", "weekend_days_min", "weekend_days_max", "start_weekdays",
            "min_village_days", "min_distinct_villages", "makeup_rule",
        ),
    ),
    (
        "住宿",
        ("household_group_min", "household_group_max", "household_single_sex", "spare_beds", "pair_max_km"),
    ),
    (
        "五个一和材料",
        (
            "party_sessions", "office_sessions", "village_surveys", "policy_sessions", "practical_deeds",
            "reflections_per_cadre", "reports_per_class",
        ),
    ),
    ("班务和评审", ("monitors_per_class", "deputies_per_class", "excellent_percent")),
)  # fmt: skip

MEANINGS = {
    "name": "写在通知和表册上的名称",
    "full_coverage_age": "不超过这个年龄、从没参加过的在职干部都要轮到一次",
    "repeats": "选“是”，参加过的人也可以再排",
    "unit_max_per_batch": "R01：单位自己另定名额的，按单位的",
    "leading_max": "R08：班子成员不同时离岗",
    "max_overlap_days": "R05：一期里不可用的天数超过它，就不编进这一期；不超过的，缺的几天算请假",
    "batch_months": "新建一期时按它算结束日期，可以再改",
    "class_size": "编班时尽量靠近的人数",
    "class_size_min": "R04：低于它列为缺口",
    "class_size_max": "R04：不超过它，调班、中途加入也一样",
    "age_bands": "编班时让各班每个年龄段的人数几乎相等",
    "gathering_interval_weeks": "单周班、双周班错开，各两周一次",
    "gathering_days": "R09：到村和离村那天都算在村",
    "weekend_days_min": "R09：集中里至少占几天周末，调休上班的周末不算",
    "weekend_days_max": "R09：集中里至多占几天周末",
    "start_weekdays": "R09：都不选为不限；周五开始、3 天，就是周五至周日",
    "min_village_days": "R15：每人到期末累计，差的列为缺口",
    "min_distinct_villages": "R14：每班到过的不同村，差的列为缺口",
    "makeup_rule": "在村天数不够时，编排按它给出补法",
    "household_group_min": "R16：不让一个人单独住一户",
    "household_group_max": "R16：一户同住同班的人数上限",
    "household_single_sex": "选“否”，同一户可以男女分房住",
    "spare_beds": "R13：留给陪同和临时变动",
    "pair_max_km": "R09：一个基地住不下时，可以和同一线路的邻近基地合用",
    "party_sessions": "到教育点开展的党性锻炼",
    "office_sessions": "结合专长的驻点办公",
    "village_surveys": "历史、人口、风俗、产业",
    "policy_sessions": "宣传一批方针政策",
    "practical_deeds": "办好一批惠民实事",
    "reflections_per_cadre": "心得体会，各人自己写",
    "reports_per_class": "调研报告，全班一份",
    "monitors_per_class": "任满的由新任的接替",
    "deputies_per_class": "任满的由新任的接替",
    "excellent_percent": "按班人数乘比例后舍去小数，同分的由评审团定",
}


def rule_summary(programme: Programme) -> list[dict[str, Any]]:
    """Each parameter with its field, name, value and meaning, in the order of `GROUPS`, for pages and print."""
    rows = []
    for name in (name for _, names in GROUPS for name in names):
        field = Programme._meta.get_field(name)
        label = field.verbose_name  # type: ignore[union-attr] # every parameter is a plain column
        value = shown(name, getattr(programme, name))
        rows.append({"field": name, "name": label, "value": value, "meaning": MEANINGS[name]})
    return rows


def shown(name: str, value: Any) -> Any:
    """A parameter's value as people read it."""
    if name == "makeup_rule":
        return Programme.MakeUpRule(value).label
    if name == "start_weekdays":
        return "、".join(f"星期{'一二三四五六日'[day - 1]}" for day in value) or "不限"
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, list):
        return "、".join(map(str, value)) or "不限"
    return value
