"""`manage.py appoint USERNAME ROLE`: the first administrators, given by whoever installs the system (not from a page)."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actions import grant_role, issue_accounts
from accounts.models import Role, User
from config.errors import DomainError


class Command(BaseCommand):
    help = "给账号授予全县角色（安装时设第一批管理员用）；没有这个账号就新建，一次性密码只显示这一次。"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("role", choices=Role.values)
        parser.add_argument("--name", default="", help="新建账号时的姓名")
        parser.add_argument("--reason", required=True, help="事由")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        try:
            if user is None:
                slip = issue_accounts(people=[(options["username"], options["name"])], by=None)[0]
                user = slip.user
                self.stdout.write(f"已建账号 {user.username}，一次性密码 {slip.password}")
            grant_role(user=user, role=options["role"], reason=options["reason"], by=None)
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{user.name}（{user.username}）：{Role(options['role']).label}")
