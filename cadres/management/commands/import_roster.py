"""`manage.py import_roster FILE [--create-units] [--commit] [--json]`: a roster read, and written, as the pages do it."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cadres import actions, imports
from cadres.models import RosterImport
from config.errors import DomainError
from office.spreadsheets import MAX_FILE_BYTES


class Command(BaseCommand):
    help = "读入干部花名册：逐行核对，加 --commit 写入可以写入的行"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="花名册（.xlsx）")
        parser.add_argument("--create-units", action="store_true", help="没有登记的单位一并建立")
        parser.add_argument("--commit", action="store_true", help="写入，不加则只核对")
        parser.add_argument("--json", action="store_true", help="输出 JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.read(Path(options["file"]), options)
        except DomainError as error:
            raise CommandError(error.message) from error

    def read(self, path: Path, options: dict[str, Any]) -> None:
        """Read, print and, where asked for, write; without --commit nothing is kept."""
        content = contents(path)
        create = options["create_units"]
        if not options["commit"]:
            preview = imports.read_census(content, name=path.name, create_units=create)
            self.tell(preview, as_json=options["json"])
            return
        roster_import = actions.upload_list(
            kind=RosterImport.Kind.CENSUS, name=path.name, content=content, create_units=create, by=None,
            in_background=False,
        )  # fmt: skip
        preview = actions.read_import(roster_import=roster_import)
        self.tell(preview, as_json=options["json"])
        offered = [unit for unit in preview.units if unit["choice"] == imports.CREATE]
        if offered and not create:
            actions.discard_import(roster_import=roster_import, by=None)
            raise DomainError(
                "units_unknown", f"有 {len(offered)} 个单位没有登记，没有写入。请加 --create-units 一并建立。"
            )
        if preview.accepted:
            actions.commit_import(roster_import=roster_import, by=None)
            self.stderr.write(f"已写入 {preview.accepted} 行。")
        else:
            actions.discard_import(roster_import=roster_import, by=None)
            self.stderr.write("没有一行可以写入。")

    def tell(self, preview: imports.Preview, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(preview.as_dict(), ensure_ascii=False, indent=1))
            return
        self.stdout.write(f"表“{preview.sheet}”：{len(preview.rows)} 行，可以写入 {preview.accepted} 行。")
        for finding in preview.as_dict()["findings"]:
            level = "不能导入" if finding["level"] == "error" else "提醒"
            self.stdout.write(f"第 {finding['row']} 行 {finding['column']} {level}：{finding['message']}")
        for unit in preview.units:
            done = "将建立" if unit["choice"] == imports.CREATE else "没有登记"
            self.stdout.write(f"单位“{unit['name']}”{done}，{unit['rows']} 行。")


def contents(path: Path) -> bytes:
    """The file's bytes, no more than can be an acceptable workbook; raises DomainError with one line."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except IsADirectoryError as error:
        raise DomainError("not_a_file", f"“{path.name}”是文件夹。请给一个 .xlsx 文件。") from error
    except OSError as error:
        raise DomainError("file_missing", f"打不开“{path.name}”。请核对文件名和读取权限。") from error
