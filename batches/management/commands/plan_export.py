"""`manage.py plan_export N [--version V] [-o FILE]`: a published plan as a file that can be checked and run again."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from batches.actions.draws import export_plan
from batches.models import Batch
from batches.published import exportable_run
from config.errors import DomainError


class Command(BaseCommand):
    help = "导出一期已发布的方案：规则、不含姓名的输入、种子、版本、结果和数据指纹"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("number", metavar="N", type=int, help="第几期")
        parser.add_argument("--plan-version", metavar="V", type=int, help="第几版，不写就是最新一版")
        parser.add_argument("-o", "--output", metavar="FILE", help="写到这个文件，不写就输出到屏幕")

    def handle(self, *args: Any, **options: Any) -> None:
        batch = Batch.objects.filter(number=options["number"]).first()
        if batch is None:
            raise CommandError(f"没有第{options['number']}期。")
        try:
            content = export_plan(run=exportable_run(batch, version=options["plan_version"]), by=None)
        except DomainError as error:
            raise CommandError(error.message) from error
        if options["output"] is None:
            sys.stdout.write(content.decode() + "\n")
            return
        try:
            Path(options["output"]).write_bytes(content)
        except OSError as error:
            raise CommandError(f"{options['output']}：写不了（{error.strerror}）。") from error
        self.stderr.write(f"已导出{batch}的方案。核对：python -m batches.planning verify {options['output']}")
