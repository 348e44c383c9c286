"""`manage.py import_bases FILE`: the bases and households of an empty county from a workbook."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bases.imports import TableRefused, import_bases, template_workbook
from cadres.models import Unit
from config.errors import DomainError
from office.spreadsheets import MAX_FILE_BYTES


class Command(BaseCommand):
    help = "Import bases and households from a workbook: all of it, or nothing and a line for each cell to mend."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--template", action="store_true", help="write the empty table to FILE instead")

    def handle(self, *args: Any, file: Path, template: bool, **options: Any) -> None:
        """Exit status 0 when written, 1 when refused."""
        if template:
            townships = Unit.objects.filter(kind=Unit.Kind.TOWNSHIP, active=True)
            file.write_bytes(template_workbook([unit.name for unit in townships]).getvalue())
            self.stdout.write(f"模板写到了 {file}。")
            return
        try:
            with file.open("rb") as stream:
                told = import_bases(content=stream.read(MAX_FILE_BYTES + 1), name=file.name, by=None)
        except OSError as error:
            raise CommandError(f"打不开文件 {file}：{error.strerror}。请核对路径。") from error
        except TableRefused as error:
            for finding in error.findings:
                column = f"“{finding.column}”" if finding.column else ""
                self.stderr.write(f"{finding.sheet} 第 {finding.row} 行{column}：{finding.message}")
            raise CommandError(error.message) from error
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(told.sentence())
