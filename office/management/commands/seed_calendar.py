"""`manage.py seed_calendar YEAR`: enter a year's published days off and make-up working days."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.errors import DomainError
from office.calendar import seed_calendar


class Command(BaseCommand):
    help = "登记某一年的放假和调休安排；已经登记的日子不动。"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("year", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            seeded = seed_calendar(options["year"], by=None)
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{options['year']} 年：登记 {seeded.added} 天，原有 {seeded.kept} 天未动。")
