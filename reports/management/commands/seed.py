from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from reports.demonstration import STAGES, build


class Command(BaseCommand):
    help = "载入演示县；--stage 把第2期放到某个阶段（先清空演示数据）"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--stage", choices=STAGES, default="running", help="第2期到哪个阶段")
        parser.add_argument("--if-empty", action="store_true", help="已有账号时什么也不做")

    def handle(self, *args: Any, stage: str, if_empty: bool, **options: Any) -> None:
        if not settings.EMBEDDED:
            raise CommandError("演示数据只能载入内置服务（make run），不能载入正式数据库。")
        if User.objects.exists():
            if if_empty:
                return
            if User.objects.filter(is_demo=False).exists():
                raise CommandError("这个数据库里有真实账号，不能清空重来。演示请另用一个文件夹。")
            call_command("flush", interactive=False, verbosity=0)
        build(stage, lambda line: self.stdout.write(f"  {line} …"))
        self.stdout.write(f"演示县已载入，第2期在“{stage}”阶段。")
