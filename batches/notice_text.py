"""The notice of a batch as plain text to paste into a chat group: no ID, no phone, no household's name."""

from batches.arrangement import Arrangement, Visit
from batches.models import Parity, PracticeClass

WEEKDAYS = "一二三四五六日"


def chat_text(arrangement: Arrangement) -> str:
    """Who gathers when and where, class by class, and what to bring; the same facts as the overview."""
    batch, programme = arrangement.batch, arrangement.batch.programme
    first, last = batch.first_day, batch.last_day
    lines = [
        f"【{programme.name}{batch}集中安排】",
        f"实践时间：{first.year}年{first.month}月{first.day}日至{last.year}年{last.month}月{last.day}日，"
        f"共{len(arrangement.classes)}个班{arrangement.people}人。每次集中{programme.gathering_days}天，"
        f"累计在村不少于{programme.min_village_days}天，到不同的村不少于{programme.min_distinct_villages}个。",
    ]
    for parity, name in Parity.choices:
        classes = [row for row in arrangement.classes if row.parity == parity]
        if classes:
            lines += ["", f"{name}班："]
            lines += [_line(arrangement, practice_class) for practice_class in classes]
    lines += [
        "",
        "食宿在农户家中，按县里公布的标准交费，不提要求、不另开灶。请假找班长登记、班主任批准。",
        "个人的班级、住哪一户、还欠什么，登录后在首页查看。",
    ]
    return "\n".join(lines)


def _line(arrangement: Arrangement, practice_class: PracticeClass) -> str:
    visits = [visit for visit in arrangement.held if visit.practice_class.pk == practice_class.pk]
    places = "；".join(_place(visit) for visit in visits)
    return f"{practice_class.short_name}：{places or '暂没有安排集中'}。"


def _place(visit: Visit) -> str:
    assert visit.first_day is not None  # noqa: S101 -- held visits have days
    assert visit.last_day is not None  # noqa: S101 -- held visits have days
    day = f"{visit.first_day.month}月{visit.first_day.day}日（周{WEEKDAYS[visit.first_day.weekday()]}）"
    end = f"{visit.last_day.month}月{visit.last_day.day}日"
    villages = "、".join(base.village.full_name for base in visit.bases)
    return f"{day}至{end} {villages}" if visit.last_day != visit.first_day else f"{day} {villages}"
