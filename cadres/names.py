"""Names of people and of units, as they are stored: exactly, without what printed lists add."""

import re
import unicodedata

from cadres.formats import FieldProblem, clean, is_blank, plain_text, shortened
from office.spreadsheets import Value

MAX_NAME_LENGTH = 40
MIDDLE_DOTS = dict.fromkeys(map(ord, "•‧．・∙⋅･"), "·")
# "李娜（女）" and "石玉兰（女，苗族）": the columns of their own say it better.
SEX_NOTE = re.compile(r"[(（](?:[男女]|[男女]?[，,、]?[^()（）]{1,5}族)[)）]$")
FIRST_HAN = 0x2E80
LETTERS_BY_NATURE = {"〇", "々"}


def read_name(value: Value) -> str:
    """A person's name; empty when blank. Raises FieldProblem for digits, signs, emoji and names beyond 40 characters.

    Blanks go from names in Han characters (printed lists pad 李　娜); the various middle dots become ·.
    """
    if is_blank(value):
        return ""
    if not isinstance(value, str):
        raise FieldProblem("name_rubbish", f"姓名“{shortened(plain_text(value))}”不像人名", "请填写姓名")
    name = SEX_NOTE.sub("", clean(value).translate(MIDDLE_DOTS)).strip()
    if any(is_han(character) for character in name):
        name = "".join(name.split())
    if len(name) > MAX_NAME_LENGTH:
        raise FieldProblem(
            "name_long", f"姓名有 {len(name)} 个字，超过 {MAX_NAME_LENGTH} 个字", "请只填姓名，说明写到备注栏"
        )
    odd = "".join(sorted({character for character in name if not _may_be_in_name(character)}))
    if odd or not any(
        unicodedata.category(character)[0] in "LC" or character in LETTERS_BY_NATURE for character in name
    ):
        raise FieldProblem("name_rubbish", f"姓名“{shortened(name)}”里有不该出现的字符", "请只填姓名，说明写到备注栏")
    return name


def is_han(character: str) -> bool:
    """Whether a character is one of the East Asian scripts, rare and private-use ones included."""
    return ord(character) >= FIRST_HAN and unicodedata.category(character) in ("Lo", "Lm", "Nl", "Co", "Cn")


def _may_be_in_name(character: str) -> bool:
    category = unicodedata.category(character)
    # Cn: letters newer than this Python's tables; Co: private use, as old systems wrote rare characters.
    return category[0] in "LM" or category in ("Co", "Cn") or character in LETTERS_BY_NATURE or character in "· .'’-"


def read_unit_name(value: Value) -> str:
    """A unit's name without any blanks; empty when blank."""
    return "" if is_blank(value) else "".join(plain_text(value).split())


def unit_key(name: str) -> str:
    """What two spellings of one unit's name have in common: full-width or not, blanks, brackets."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", clean(name))).casefold()
