"""Accounts of the demonstration: one password for all, never asked to change it, only on embedded services."""

from collections.abc import Iterable

from accounts.actions import grant_role
from accounts.models import Role, User
from batches.models import Batch, Enrollment
from batches.queries import GONE
from cadres.models import Cadre

COUNTY = (
    ("fuwu", "方敏", Role.CENTRE, "服务中心日常工作"),
    ("fuwu2", "余国栋", Role.CENTRE, "服务中心复核"),
    ("lingdao", "陈建华", Role.LEADER, "领导小组"),
    ("xitong", "何文彬", Role.SYSTEM, "等保要求三员分立"),
    ("anquan", "赖玉珍", Role.SECURITY, "等保要求三员分立"),
    ("shenji", "苏国梁", Role.AUDIT, "等保要求三员分立"),
)
TEACHERS = (
    "叶秀英", "邱志平", "曾丽华", "郭建民", "林爱珍", "黄志强", "吴文清", "郑小玲", "谢长明", "许春梅", "刘伟东",
    "蔡美云", "张立群", "杨雪芳",
)  # fmt: skip
MENTORS = (
    "江启明", "罗国华", "潘文忠", "颜丽君", "庄永年", "洪建平", "廖秋生", "徐桂英", "周德才", "高志远", "王海燕",
    "李炳坤", "陈秀兰", "赖春生", "何永贵", "苏明珠", "邱长河", "方玉琴", "余立新", "曾德福", "郭玉英", "林志刚",
    "黄少华", "吴秀清", "郑国良", "谢美珍", "许文龙",
)  # fmt: skip


def account(username: str, name: str, password_hash: str) -> User:
    user, _ = User.objects.get_or_create(
        username=username,
        defaults={"name": name, "password": password_hash, "must_change_password": False, "is_demo": True},
    )
    return user


def county_accounts(password_hash: str) -> dict[str, User]:
    """The centre, a leader and the three administrators; granted by the installation itself."""
    found = {}
    for username, name, role, reason in COUNTY:
        found[username] = account(username, name, password_hash)
        if not found[username].role_grants.filter(role=role).exists():
            grant_role(user=found[username], role=role, reason=reason, by=None)
    return found


def numbered(prefix: str, names: Iterable[str], password_hash: str) -> list[User]:
    return [account(f"{prefix}{n:02d}", name, password_hash) for n, name in enumerate(names, start=1)]


def showcase(users: dict[str, User]) -> None:
    """Give these cadres' accounts names that are easy to type; whoever had such a name goes back to a number."""
    for username, user in users.items():
        for before in User.objects.filter(username=username).select_related("cadre"):
            before.username = f"xueyuan{before.cadre.pk:05d}"
            before.save(update_fields=["username"])
        user.username = username
        user.save(update_fields=["username"])


def cadre_accounts(batch: Batch, password_hash: str) -> None:
    """An account for everybody enrolled, written at once; the pages' own way prints a slip for each."""
    enrolled = Enrollment.objects.filter(batch=batch, live=True).exclude(state__in=GONE)
    cadres = list(Cadre.objects.filter(pk__in=enrolled.values("cadre"), user__isnull=True).order_by("pk"))
    users = User.objects.bulk_create(
        User(
            username=f"xueyuan{cadre.pk:05d}", name=cadre.name, password=password_hash, must_change_password=False,
            is_demo=True,
        )
        for cadre in cadres
    )  # fmt: skip
    for cadre, user in zip(cadres, users, strict=True):
        cadre.user = user
    Cadre.objects.bulk_update(cadres, ["user"])
