"""How single cells of a roster are read: cleaning, blanks, phones, sex, yes and no.

Every reader returns the cleaned value or raises FieldProblem, which says what is wrong and what cures it. None repairs by
guessing: what cannot be read for certain is given back to the person who knows.
"""

import re
import unicodedata
from datetime import date, datetime

from config.errors import DomainError
from office.spreadsheets import Value

# What people write when there is nothing to write ("没有的填无").
BLANK_WORDS = {
    "",
    "无",
    "暂无",
    "没有",
    "空",
    "未填",
    "不详",
    "—",
    "——",
    "-",
    "--",
    "－",
    "–",
    "/",
    "\\",
    "／",
    "、",
    "N/A",
    "n/a",
}
YES_WORDS = {"是", "√", "✓", "✔", "有", "班子成员", "领导班子成员", "1", "Y", "YES", "TRUE"}
NO_WORDS = {"否", "×", "✗", "不是", "0", "N", "NO", "FALSE"}
MALE, FEMALE = "M", "F"
SEX_LABELS = {MALE: "男", FEMALE: "女"}
_SEX_WORDS = {"男": MALE, "男性": MALE, "1": MALE, "女": FEMALE, "女性": FEMALE, "2": FEMALE}

MOBILE = re.compile(r"1[3-9]\d{9}", re.ASCII)
LANDLINE = re.compile(r"(010|02\d|0[3-9]\d{2})-?(\d{7,8})(?:-\d{1,6})?", re.ASCII)


class FieldProblem(DomainError):
    """One value cannot be taken over: `kind` for programs, `what` is wrong, `remedy` cures it (both Chinese, no full stop)."""

    def __init__(self, kind: str, what: str, remedy: str) -> None:
        super().__init__(kind, f"{what}。{remedy}。")
        self.kind = kind
        self.what = what
        self.remedy = remedy


def plain_text(value: Value) -> str:
    """A cell as the text its owner sees, cleaned of what nobody sees (see `clean`)."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else repr(value)
    if isinstance(value, datetime | date):
        return value.strftime("%Y-%m-%d")
    return clean(str(value))


def clean(text: str, *, keep_lines: bool = False) -> str:
    """Take away zero-width and direction marks, control characters and lone surrogates; make every run of blanks one space.

    Private-use characters and variation selectors stay: rare names are written with them.
    """
    if text.isprintable():  # nothing to take away: the usual case, and much the faster
        return " ".join(text.split())
    kept: list[str] = []
    for character in text:
        category = unicodedata.category(character)
        if character in "\t\r\n\v\f\u2028\u2029\x85":
            kept.append("\n" if keep_lines else " ")
        elif category not in ("Cc", "Cf", "Cs"):
            kept.append(character)
    lines = (" ".join(line.split()) for line in "".join(kept).split("\n"))
    return "\n".join(line for line in lines if line)


def is_blank(value: Value) -> bool:
    """Whether a cell holds nothing, or one of the words that mean nothing."""
    return plain_text(value) in BLANK_WORDS


def read_sex(value: Value) -> str:
    """MALE or FEMALE from 男, 女 or their codes 1 and 2 (GB/T 2261.1); empty when blank."""
    if is_blank(value):
        return ""
    text = plain_text(value)
    try:
        return _SEX_WORDS[text]
    except KeyError:
        raise FieldProblem("sex_rubbish", f"性别“{shortened(text)}”认不出", "请填“男”或“女”") from None


def read_yes(value: Value) -> bool | None:
    """Yes or no; None when blank. A text that is neither raises FieldProblem."""
    if is_blank(value):
        return None
    text = plain_text(value).upper()
    if text in YES_WORDS:
        return True
    if text in NO_WORDS:
        return False
    raise FieldProblem("yes_rubbish", f"“{shortened(text)}”不是“是”也不是“否”", "请填“是”或“否”")


def read_phone(value: Value) -> str:
    """A mobile number as 11 digits, or a landline as area code, hyphen, number; empty when blank."""
    if is_blank(value):
        return ""
    text = unicodedata.normalize("NFKC", plain_text(value)).strip("'’‘`")
    compact = re.sub(r"[\s()]", "", text)
    digits = re.sub(r"(?<=\d)[-–—.](?=\d)", "", compact)
    digits = re.sub(r"^(\+|00)?86(?=1\d{10}$)", "", digits)
    if re.fullmatch(r"01[3-9][0-9]{9}", digits):
        digits = digits[1:]
    if MOBILE.fullmatch(digits):
        return digits
    landline = LANDLINE.fullmatch(compact)
    if landline:
        return f"{landline[1]}-{landline[2]}"
    if not digits.isascii() or not digits.isdigit():
        raise FieldProblem("phone_rubbish", "手机号码里有认不出的字符", "请只填一个 11 位手机号码")
    if len(digits) > 11:
        raise FieldProblem("phone_long", f"手机号码有 {len(digits)} 位，多于 11 位", "请核对后改成 11 位")
    if len(digits) < 11:
        raise FieldProblem("phone_short", f"手机号码只有 {len(digits)} 位", "请补全到 11 位；固定电话请带区号")
    raise FieldProblem("phone_rubbish", "手机号码的开头不对", "请核对后填 11 位手机号码")


def shortened(text: str, *, length: int = 30) -> str:
    """Text short enough to quote in a message."""
    return text if len(text) <= length else text[: length - 1] + "…"


def masked(text: str, *, head: int, tail: int) -> str:
    """Text with its middle covered, for showing which number is meant without giving it away."""
    if len(text) <= head + tail:
        return "*" * len(text)
    return text[:head] + "*" * min(len(text) - head - tail, 10) + text[-tail:]
