"""`manage.py demo_accounts`: a small table of demonstration accounts, one for each role."""

import unicodedata
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from accounts.models import User
from accounts.passwords import DEMO_PASSWORD
from accounts.roles import roles_of

SHOWN = r"^[a-z]+(01|2)?$"
"""Sign-in names of the first account of each role; the demonstration names them so."""


class Command(BaseCommand):
    help = "列出演示账号，每种身份一个。"

    def handle(self, *args: Any, **options: Any) -> None:
        users = list(User.objects.filter(is_demo=True, is_active=True, username__regex=SHOWN).order_by("pk"))
        if not users or not settings.DEMO_ACCOUNTS:
            self.stdout.write("没有演示账号。")
            return
        self.stdout.write(f"  演示账号，密码都是 {DEMO_PASSWORD}")
        for user in users:
            self.stdout.write(f"  {_wide(user.username, 16)}{_wide(user.name, 12)}{'、'.join(roles_of(user)[:2])}")


def _wide(text: str, width: int) -> str:
    """Padded to a width on the screen, where a Chinese character takes two places."""
    return text + " " * max(1, width - sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text))
