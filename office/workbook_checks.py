"""What an uploaded file must pass before anything parses it as a workbook.

An .xlsx is a zip of XML parts, so a few kilobytes can ask for gigabytes. The checks look at the archive's own directory
first (cheap), then unpack the XML parts while counting, and hand on a *new* archive made of exactly the bytes that were
counted: whatever a hostile archive shows to one reader and hides from another is gone, and so are macros, embedded files
and links to other workbooks. Nothing here writes to disk.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, NoReturn

from config.errors import DomainError

MAX_FILE_BYTES = 20 * 1024 * 1024
MAX_UNPACKED_BYTES = 64 * 1024 * 1024
MAX_ENTRIES = 2_000
MAX_DIRECTORY_BYTES = 1024 * 1024
# Ordinary sheets shrink 5 to 40 times; small parts full of blanks shrink more, so the ratio counts from a size on.
MAX_RATIO = 200
RATIO_FROM_BYTES = 4 * 1024 * 1024

CHUNK = 64 * 1024
SAVE_AS = "请在 Excel 或 WPS 里另存为 .xlsx 后再上传。"
OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# What zipfile raises over archives that are cut off or lie about themselves.
_ARCHIVE_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    ValueError,
)
END_OF_DIRECTORY = b"PK\x05\x06"
END_OF_DIRECTORY_64 = b"PK\x06\x06"
LOCATOR_64 = b"PK\x06\x07"


class UnreadableWorkbook(DomainError):
    """The uploaded file cannot be read as a workbook; the message says why and what to do. Nothing was read."""


def checked_package(data: bytes, *, name: str = "") -> io.BytesIO:
    """Return a clean copy of the workbook's XML parts, or raise UnreadableWorkbook.

    `name` is the file's name as uploaded and serves the message only; what a file is, is decided by its content.
    """
    if not data:
        raise UnreadableWorkbook("workbook_empty", "文件是空的，一个字节也没有。请重新保存后再上传。")
    if len(data) > MAX_FILE_BYTES:
        raise UnreadableWorkbook(
            "workbook_too_large",
            f"文件有 {megabytes(len(data))} MB，超过 {megabytes(MAX_FILE_BYTES)} MB 的上限。请删去表中的图片和多余的表后再上传。",
        )
    if not data.startswith(b"PK\x03\x04"):
        _refuse_other_format(data, name)
    _check_directory_size(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_entries(archive, data)
            return _copy_counted(archive)
    except _ARCHIVE_ERRORS as error:
        raise damaged() from error


def damaged() -> UnreadableWorkbook:
    """The error for a file that breaks off or contradicts itself."""
    return UnreadableWorkbook(
        "workbook_damaged", "文件已损坏或不完整，读不出表格。请用 Excel 或 WPS 打开确认，另存一份后再上传。"
    )


def suspicious(why: str) -> UnreadableWorkbook:
    """The error for an archive that no spreadsheet program writes."""
    return UnreadableWorkbook(
        "workbook_suspicious", f"文件内部结构异常（{why}），没有读取。请新建一个工作簿，把内容复制过去后再上传。"
    )


def megabytes(size: int) -> int:
    """Size in whole megabytes, at least 1."""
    return max(1, round(size / 1024 / 1024))


def _refuse_other_format(data: bytes, name: str) -> NoReturn:
    """Name the format that was uploaded instead of .xlsx."""
    if data.startswith(OLE_MAGIC):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise protected()
        if "WordDocument".encode("utf-16-le") in data:
            raise _wrong_format("Word 文档（.doc）", "请把表格复制到 Excel 或 WPS 表格里，存为 .xlsx 后再上传。")
        kind = "WPS 表格（.et）" if name.lower().endswith(".et") else "旧版 Excel（.xls）或 WPS 表格（.et）"
        raise _wrong_format(kind, SAVE_AS)
    if data.startswith(END_OF_DIRECTORY):
        raise damaged()
    for magic, kind in _BINARY_KINDS:
        if data.startswith(magic):
            raise _wrong_format(kind, "请选择 .xlsx 工作簿后再上传。")
    kind = _text_kind(data)
    if kind:
        raise _wrong_format(kind, "请用 Excel 或 WPS 打开，另存为 .xlsx 后再上传。")
    raise UnreadableWorkbook("workbook_format", f"这不是 Excel 工作簿，认不出是什么文件。{SAVE_AS}")


_BINARY_KINDS = (
    (b"\x89PNG", "图片（PNG）"),
    (b"\xff\xd8\xff", "图片（JPEG）"),
    (b"GIF8", "图片（GIF）"),
    (b"BM", "图片（BMP）"),
    (b"%PDF", "PDF 文档"),
    (b"Rar!", "压缩包（RAR）"),
    (b"7z\xbc\xaf", "压缩包（7z）"),
    (b"\x1f\x8b", "压缩包（gzip）"),
    (b"{\\rtf", "写字板文档（RTF）"),
)


def _text_kind(data: bytes) -> str:
    """What kind of text file this is; empty when it is none."""
    head = data[:4096]
    for encoding in ("utf-8-sig", "utf-16", "gb18030"):
        if encoding == "utf-16" and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
            continue
        try:
            # The cut may fall inside a character, which is no reason to call it binary.
            text = head.decode(encoding) if len(data) <= len(head) else head[:4000].decode(encoding, "ignore")
        except UnicodeDecodeError:
            continue
        if any(ord(character) < 32 and character not in "\t\r\n\f" for character in text):
            continue
        start = text.lstrip().lower()
        if "schemas-microsoft-com:office:spreadsheet" in text:
            return "XML 表格（2003）"
        if start.startswith(("<!doctype html", "<html", "<table", "<head", "<meta")) or "<table" in start:
            return "网页（html）"
        if start.startswith("<"):
            return "XML 文件"
        if any(mark in text.partition("\n")[0] for mark in ",\t;，"):
            return "文本表格（csv）"
        return "纯文本文件"
    return ""


def _wrong_format(kind: str, remedy: str) -> UnreadableWorkbook:
    return UnreadableWorkbook("workbook_format", f"这是{kind}，不是 .xlsx 工作簿。{remedy}")


def protected() -> UnreadableWorkbook:
    """The error for a workbook that opens with a password only."""
    return UnreadableWorkbook(
        "workbook_protected", "文件有密码，打不开。请在 Excel 或 WPS 里取消打开密码，保存后再上传。"
    )


def _check_directory_size(data: bytes) -> None:
    """Refuse a directory of very many entries before it is turned into objects."""
    end = data.rfind(END_OF_DIRECTORY, max(0, len(data) - 22 - 65_535))
    if end < 0 or end + 22 > len(data):
        raise damaged()
    count, size = struct.unpack_from("<HL", data, end + 10)
    if end >= 76 and data[end - 20 : end - 16] == LOCATOR_64 and data[end - 76 : end - 72] == END_OF_DIRECTORY_64:
        count, size = struct.unpack_from("<QQ", data, end - 76 + 32)
    if count > MAX_ENTRIES or size > MAX_DIRECTORY_BYTES:
        raise suspicious("部件过多")


def _check_entries(archive: zipfile.ZipFile, data: bytes) -> None:
    """Check names, flags, declared sizes and places of all entries against each other."""
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise suspicious("部件过多")
    names = [entry.filename.replace("\\", "/").lower() for entry in entries]
    _check_kind(set(names))
    if len(set(names)) != len(names):
        raise suspicious("部件重名")
    if any(entry.flag_bits & 1 for entry in entries):
        raise protected()
    declared = sum(entry.file_size for entry in entries)
    if declared > MAX_UNPACKED_BYTES:
        raise _too_much(declared)
    for entry in entries:
        if entry.file_size > RATIO_FROM_BYTES and entry.file_size > MAX_RATIO * max(1, entry.compress_size):
            raise suspicious("压缩比过高")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise suspicious("压缩方法少见")
    _check_places(entries, data, archive.start_dir)


def _check_kind(names: set[str]) -> None:
    """Tell a workbook from the other zip formats, by the parts it has."""
    if "xl/vbaproject.bin" in names:
        raise _wrong_format("带宏的工作簿（.xlsm）", SAVE_AS)
    if "xl/workbook.xml" in names and "[content_types].xml" in names:
        return
    for part, kind in (
        ("xl/workbook.bin", "二进制工作簿（.xlsb）"),
        ("word/document.xml", "Word 文档（.docx）"),
        ("ppt/presentation.xml", "演示文稿（.pptx）"),
        ("content.xml", "开放文档（.ods 等）"),
    ):
        if part in names:
            raise _wrong_format(kind, SAVE_AS)
    raise _wrong_format("普通压缩包（zip）", "请解压后上传其中的 .xlsx 工作簿。")


def _check_places(entries: list[zipfile.ZipInfo], data: bytes, directory_start: int) -> None:
    """Refuse entries that share bytes or whose own heading names another part than the directory does."""
    end_of_previous = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        start = entry.header_offset
        if start < end_of_previous or data[start : start + 4] != b"PK\x03\x04":
            raise suspicious("部件重叠")
        name_length, extra_length = struct.unpack_from("<HH", data, start + 26)
        name = data[start + 30 : start + 30 + name_length]
        if name != entry.orig_filename.encode("utf-8" if entry.flag_bits & 0x800 else "cp437", "replace"):
            raise suspicious("部件名称不一致")
        content = start + 30 + name_length + extra_length
        end_of_previous = content + entry.compress_size
        if end_of_previous > directory_start:
            raise damaged()
        if entry.compress_type == zipfile.ZIP_STORED and data[content : content + 4] == b"PK\x03\x04":
            raise suspicious("压缩包套压缩包")


def _copy_counted(archive: zipfile.ZipFile) -> io.BytesIO:
    """Unpack the XML parts while counting, and pack them again under plain names."""
    copy = io.BytesIO()
    total = 0
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        for entry in archive.infolist():
            name = entry.filename.replace("\\", "/")
            is_xml = name.lower().endswith((".xml", ".rels"))
            with archive.open(entry) as source:
                first = source.read(CHUNK if is_xml else 4)
                if first.startswith(b"PK\x03\x04"):
                    raise suspicious("压缩包套压缩包")
                if not is_xml:
                    continue
                with target.open(name, "w") as part:
                    for chunk in _chunks(first, source):
                        total += len(chunk)
                        if total > MAX_UNPACKED_BYTES:
                            raise _too_much(total)
                        part.write(chunk)
    copy.seek(0)
    return copy


def _chunks(first: bytes, source: IO[bytes]) -> Iterator[bytes]:
    chunk = first
    while chunk:
        yield chunk
        chunk = source.read(CHUNK)


def _too_much(size: int) -> UnreadableWorkbook:
    return UnreadableWorkbook(
        "workbook_too_large",
        f"文件展开后有 {megabytes(size)} MB，超过 {megabytes(MAX_UNPACKED_BYTES)} MB 的上限。"
        "请删去图片、多余的表和空白行列的格式，另存一份后再上传。",
    )
