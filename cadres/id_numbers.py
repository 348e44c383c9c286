"""Citizens' ID numbers by GB 11643-1999: 6 digits of division, 8 of birth, 3 of order (odd = male), 1 check character."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from cadres.formats import FEMALE, MALE, FieldProblem, is_blank, plain_text
from office.spreadsheets import Value

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK_CHARACTERS = "10X98765432"
OLDEST_YEAR = 1900


@dataclass(frozen=True)
class IdNumber:
    """A number that passed every check, and what it says of its holder."""

    number: str
    birth: date
    sex: str


def check_character(first_17: str) -> str:
    """The last character that belongs to 17 digits."""
    total = sum(int(digit) * weight for digit, weight in zip(first_17, WEIGHTS, strict=True))
    return CHECK_CHARACTERS[total % 11]


def normalise_id_number(value: Value) -> str:
    """Full-width characters narrowed, blanks, hyphens and quotation marks taken away, x made X. Checks nothing."""
    text = unicodedata.normalize("NFKC", plain_text(value))
    return re.sub(r"[\s'’‘`´\"“”\-]", "", text).upper()


def read_id_number(value: Value, *, today: date) -> IdNumber | None:
    """Read an ID number; None when the cell is blank.

    Raises FieldProblem for a number that Excel has damaged (numbers keep 15 digits), one of a wrong length, with an impossible
    or future birth date, or with a wrong check character. The division code is not looked up: old codes stay valid.
    """
    if is_blank(value):
        return None
    text = normalise_id_number(value)
    if isinstance(value, float) or re.fullmatch(r"[0-9](\.[0-9]+)?E\+?[0-9]+", text):
        raise FieldProblem("id_float", "身份证号被存成数值，末三位已丢失", "请把该列设为“文本”格式，照证件重新填写")
    if not re.fullmatch(r"[0-9]*X?", text):
        raise FieldProblem("id_rubbish", "身份证号里有认不出的字符", "请照证件填写 18 位号码")
    if len(text) == 15:
        raise FieldProblem("id_15", "这是 15 位的旧身份证号", "请填 18 位身份证号")
    if len(text) == 17:
        raise FieldProblem("id_17", "身份证号只有 17 位", "请照证件补全 18 位")
    if len(text) != 18:
        raise FieldProblem("id_length", f"身份证号有 {len(text)} 位，应为 18 位", "请照证件填写 18 位号码")
    birth = _birth(text, today)
    if check_character(text[:17]) != text[17]:
        cause = "，末三位是 000，可能被存成数值后丢失" if text.endswith("000") else ""
        raise FieldProblem("id_bad_check", f"身份证号末位校验不符{cause}", "请照证件核对每一位")
    return IdNumber(text, birth, MALE if int(text[16]) % 2 else FEMALE)


def _birth(number: str, today: date) -> date:
    try:
        birth = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        birth = None
    if birth is None or birth.year < OLDEST_YEAR or birth > today:
        raise FieldProblem("id_date", "身份证号第 7 至 14 位不是可能的出生日期", "请照证件核对")
    return birth
