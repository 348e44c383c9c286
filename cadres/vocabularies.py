"""The fixed lists that a cadre's particulars are written in, and the spellings that mean the same.

Sources: GB/T 3304 (nationalities), GB/T 4762 (political status), 公务员法 art. 18-19 and GB/T 12407 (levels and ranks). A value
that no list has is kept as written; the reader of a roster remarks on it and refuses nothing.
"""

import re
import unicodedata

_NATIONALITY_STEMS = (
    "汉、蒙古、回、藏、维吾尔、苗、彝、壮、布依、朝鲜、满、侗、瑶、白、"
    "土家、哈尼、哈萨克、傣、黎、傈僳、佤、畲、高山、拉祜、水、东乡、纳西、景颇、"
    "柯尔克孜、土、达斡尔、仫佬、羌、布朗、撒拉、毛南、仡佬、锡伯、阿昌、普米、塔吉克、怒、"
    "乌孜别克、俄罗斯、鄂温克、德昂、保安、裕固、京、塔塔尔、独龙、鄂伦春、赫哲、门巴、珞巴、基诺"
)
NATIONALITIES = tuple(f"{stem}族" for stem in _NATIONALITY_STEMS.split("、"))
OTHER_NATIONALITIES = ("其他", "外国血统中国籍人士")

POLITICAL_STATUSES = (
    "中共党员",
    "中共预备党员",
    "共青团员",
    "民革党员",
    "民盟盟员",
    "民建会员",
    "民进会员",
    "农工党党员",
    "致公党党员",
    "九三学社社员",
    "台盟盟员",
    "无党派人士",
    "群众",
)
_POLITICAL_ALIASES = {
    "党员": "中共党员",
    "中共正式党员": "中共党员",
    "正式党员": "中共党员",
    "中国共产党党员": "中共党员",
    "中共": "中共党员",
    "共产党员": "中共党员",
    "预备党员": "中共预备党员",
    "中国共产党预备党员": "中共预备党员",
    "团员": "共青团员",
    "中国共产主义青年团团员": "共青团员",
    "民革": "民革党员",
    "民革会员": "民革党员",
    "民盟": "民盟盟员",
    "民建": "民建会员",
    "民进": "民进会员",
    "农工党": "农工党党员",
    "农工": "农工党党员",
    "致公党": "致公党党员",
    "九三": "九三学社社员",
    "九三学社": "九三学社社员",
    "台盟": "台盟盟员",
    "无党派": "无党派人士",
    "无党派民主人士": "无党派人士",
    "一般群众": "群众",
}

# 公务员法 art. 18, then what counties use besides.
STATUTORY_LEVELS = (
    "国家级正职",
    "国家级副职",
    "省部级正职",
    "省部级副职",
    "厅局级正职",
    "厅局级副职",
    "县处级正职",
    "县处级副职",
    "乡科级正职",
    "乡科级副职",
)
LEVELS = (*STATUTORY_LEVELS, "股级正职", "股级副职", "科员级", "办事员级", "未定职")
_LEVEL_STEMS = {
    "部": "省部级",
    "省": "省部级",
    "厅": "厅局级",
    "局": "厅局级",
    "处": "县处级",
    "县": "县处级",
    "科": "乡科级",
    "股": "股级",
}
_LEVEL_WORDS = {
    "科员": "科员级",
    "办事员": "办事员级",
    "未定级": "未定职",
    "未定职公务员": "未定职",
    "试用期": "未定职",
    "试用期公务员": "未定职",
}

# 公务员法 art. 19, the class of general administration, highest first.
CIVIL_SERVICE_RANKS = (
    "一级巡视员",
    "二级巡视员",
    "一级调研员",
    "二级调研员",
    "三级调研员",
    "四级调研员",
    "一级主任科员",
    "二级主任科员",
    "三级主任科员",
    "四级主任科员",
    "一级科员",
    "二级科员",
)
_NUMERALS = ("一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二", "十三")
MANAGEMENT_RANKS = tuple(f"{numeral}级职员" for numeral in _NUMERALS[:10])
PROFESSIONAL_RANKS = tuple(f"专业技术{numeral}级" for numeral in _NUMERALS)
WORKER_RANKS = (*(f"技术工{numeral}级" for numeral in _NUMERALS[:5]), "普通工")
OTHER_RANKS = ("试用期公务员", "管理见习期")
RANKS = (*CIVIL_SERVICE_RANKS, *MANAGEMENT_RANKS, *PROFESSIONAL_RANKS, *WORKER_RANKS, *OTHER_RANKS)
_OTHER_SEQUENCES = re.compile(
    r"(?:[一二三四]级(?:高级)?(?:警长|警员|法官|检察官|法官助理|检察官助理|主办|行政执法员|主管|专业技术员)"
    r"|[一二三四五]级(?:高级法官|高级检察官)|(?:一|二)级(?:总监|警务专员|高级主管|高级主办)|督办)"
)


def nationality(text: str) -> tuple[str, bool]:
    """The nationality as listed (汉 → 汉族) and whether the list has it."""
    for name in (text, f"{text}族"):
        if name in NATIONALITIES:
            return name, True
    return text, text in OTHER_NATIONALITIES


def political_status(text: str) -> tuple[str, bool]:
    """The political status in its short form (党员 → 中共党员) and whether it is a listed one."""
    plain = _plain(text)
    status = _POLITICAL_ALIASES.get(plain, plain)
    return (status, True) if status in POLITICAL_STATUSES else (text, False)


def level(text: str) -> tuple[str, bool]:
    """The level of post (正科级, 正科, 乡科级正职 → 乡科级正职) and whether it is a listed one."""
    plain = _plain(text)
    if plain in LEVELS:
        return plain, True
    if plain in _LEVEL_WORDS:
        return _LEVEL_WORDS[plain], True
    match = re.fullmatch(r"(正|副)(部|省|厅|局|处|县|科|股)级?(?:职|领导职务|实职)?", plain)
    if match:
        return f"{_LEVEL_STEMS[match[2]]}{match[1]}职", True
    match = re.fullmatch(r"(国家级|省部级|厅局级|县处级|乡科级|股级)(正|副)(?:职)?", plain)
    if match:
        return f"{match[1]}{match[2]}职", True
    return text, False


def rank(text: str) -> tuple[str, bool]:
    """The rank (职级, or the grade in a public institution) as listed and whether it is a known one."""
    plain = _plain(text)
    if plain in RANKS or _OTHER_SEQUENCES.fullmatch(plain):
        return plain, True
    match = re.fullmatch(r"(?:管理(?:岗位?)?)(十|[一二三四五六七八九])级(?:职员)?", plain)
    if match:
        return f"{match[1]}级职员", True
    match = re.fullmatch(r"(?:专技|专业技术)(?:岗位?)?(十[一二三]?|[一二三四五六七八九])级", plain)
    if match:
        return f"专业技术{match[1]}级", True
    match = re.fullmatch(r"(?:工勤(?:技能)?(?:岗位?)?|技术工)([一二三四五])级|([一二三四五])级(?:技术)?工", plain)
    if match:
        return f"技术工{match[1] or match[2]}级", True
    return text, False


def _plain(text: str) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))
