from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reports.invariants import check


class Command(BaseCommand):
    help = "逐条检查不能被破坏的约束；全部成立退出 0，有破坏退出 1"

    def handle(self, *args: Any, **options: Any) -> None:
        broken = 0
        for outcome in check():
            mark = "✗" if outcome.rows else "✓"
            self.stdout.write(f"{mark} {outcome.invariant.code:>3} {outcome.invariant.title}")
            for row in outcome.rows[:20]:
                self.stdout.write(f"      {row}")
            if len(outcome.rows) > 20:
                self.stdout.write(f"      …… 共 {len(outcome.rows)} 处")
            broken += bool(outcome.rows)
        if broken:
            raise CommandError(f"{broken} 条约束被破坏", returncode=1)
