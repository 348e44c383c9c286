"""`manage.py verify_audit`: read the whole audit trail; exit 0 when it holds, 1 naming the first bad entry."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from accounts.verification import verify_audit


class Command(BaseCommand):
    help = "核对审计链：逐条核对哈希、链尾和签名检查点。完好退出 0；有问题退出 1，并说出第一条不对的。"

    def handle(self, *args: Any, **options: Any) -> None:
        verdict = verify_audit()
        if verdict.holds:
            self.stdout.write(f"审计链完好：{verdict.entries} 条，{verdict.checkpoints} 个检查点。")
            return
        self.stderr.write(f"审计链有问题：第 {verdict.bad_seq} 条，{verdict.problem}。")
        sys.exit(1)
