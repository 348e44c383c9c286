"""`manage.py first_account`: on an empty installation, the centre's first account with a one-time password."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts.actions import grant_role, issue_accounts
from accounts.models import Role, User

USERNAME = "fuwu"


class Command(BaseCommand):
    help = "空系统的第一个账号：服务中心工作人员，一次性密码只显示这一次。"

    def handle(self, *args: Any, **options: Any) -> None:
        if User.objects.exists():
            self.stdout.write(
                "  已有账号，不再新建。忘了密码：由系统管理员重置，或用 manage.py appoint 另设一名系统管理员。"
            )
            return
        slip = issue_accounts(people=[(USERNAME, "服务中心")], by=None)[0]
        grant_role(user=slip.user, role=Role.CENTRE, reason="系统安装后的第一个账号", by=None)
        self.stdout.write(
            f"  登录名 {slip.user.username}　一次性密码 {slip.password}　（服务中心工作人员，首次登录须改密码）"
        )
