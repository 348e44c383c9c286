"""The import centre: upload, preview, write, take back."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import allow, user_of
from cadres import actions, documents, imports, previews, queries
from cadres.forms import PastUploadForm, UploadForm
from cadres.models import Cadre, ImportFinding, ImportRow, RosterImport, Unit
from cadres.rules import may_import
from office.spreadsheets import MAX_FILE_BYTES, UnreadableWorkbook

PAGE = 20
UNPROCESSABLE = 422
STEPS = ("已上传", "已核对", "看预览", "写入")
TABS = (("", "全部", ""), *((effect.value, effect.label, previews.CHIPS[effect][1]) for effect in ImportRow.Effect))
TITLES = {
    RosterImport.State.COMMITTED: "导入报告", RosterImport.State.REVERTED: "导入报告（已撤回）",
    RosterImport.State.DISCARDED: "导入（已放弃）", RosterImport.State.UNREADABLE: "读不了这个文件",
    RosterImport.State.READING: "正在核对",
}  # fmt: skip


def import_of(request: HttpRequest, import_id: int) -> RosterImport:
    """The import, or 404 when this person does not see it."""
    found = queries.visible_to(user_of(request), RosterImport).select_related("file", "job", "created_by")
    return get_object_or_404(found, pk=import_id)


@allow(may_import)
@require_GET
def import_list(request: HttpRequest) -> HttpResponse:
    """All imports, the latest first, with what waits to be written."""
    page = Paginator(queries.listed_imports(user_of(request)), PAGE).get_page(request.GET.get("page"))
    cadres = Cadre.objects.filter(state=Cadre.State.IN_POST)
    context = {"page": page, "cadres": cadres.count(), "units": Unit.objects.filter(active=True).count()}
    return render(request, "cadres/imports.html", context)


@allow(may_import)
@require_http_methods(["GET", "POST"])
def upload(request: HttpRequest, kind: str) -> HttpResponse:
    """Choose a file; it is checked at once and read by a worker."""
    form_class = PastUploadForm if kind == RosterImport.Kind.PAST else UploadForm
    form = form_class(request.POST, request.FILES) if request.method == "POST" else form_class()
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            roster_import = actions.upload_list(
                kind=kind, name=file.name, content=file.read(MAX_FILE_BYTES + 1), sheet=form.cleaned_data["sheet"],
                session=form.cleaned_data.get("session", ""), by=user_of(request),
            )  # fmt: skip
        except UnreadableWorkbook as error:
            form.add_error("file", error.message)
        else:
            return redirect("cadres:import", roster_import.pk)
    context = {
        "form": form, "kind": kind, "kind_label": RosterImport.Kind(kind).label,
        "how_to_fill": documents.HOW_TO_FILL["past" if kind == RosterImport.Kind.PAST else "roster"],
    }  # fmt: skip
    return render(request, "cadres/upload.html", context, status=UNPROCESSABLE if form.is_bound else 200)


@allow(may_import)
@require_GET
def empty_form(request: HttpRequest, kind: str) -> HttpResponse:
    """The sheet to fill in."""
    name = "干部花名册（空表）.xlsx" if kind == "roster" else "以往各期名单（空表）.xlsx"
    return spreadsheet(documents.empty_form(kind), name)


@allow(may_import)
@require_GET
def detail(request: HttpRequest, import_id: int) -> HttpResponse:
    """The import as it stands: being read, its preview, or the report of what it wrote."""
    roster_import = import_of(request, import_id)
    state = roster_import.state
    context: dict[str, Any] = {
        "roster_import": roster_import, "title": TITLES.get(RosterImport.State(state), "导入预览"),
        "steps": _steps(state), "past": roster_import.kind == RosterImport.Kind.PAST,
    }  # fmt: skip
    if state == RosterImport.State.READING:
        return render(request, "cadres/import_reading.html", context | {"job": roster_import.job})
    if state in (RosterImport.State.UNREADABLE, RosterImport.State.DISCARDED):
        return render(request, "cadres/import_over.html", context)
    return render(request, "cadres/import.html", context | _preview(request, roster_import))


def _preview(request: HttpRequest, roster_import: RosterImport) -> dict[str, Any]:
    counts = queries.effect_counts(roster_import)
    effect = request.GET.get("effect", "")
    effect = effect if effect in counts else ""
    text = request.GET.get("q", "").strip()[:40]
    rows: Any = queries.rows_of_import(roster_import, effect)
    page = Paginator(previews.matching(rows, text) if text else rows, PAGE).get_page(request.GET.get("page"))
    total = sum(counts.values())
    in_post = Cadre.objects.filter(state=Cadre.State.IN_POST).count()
    return {
        "counts": counts, "total": total, "accepted": total - counts[ImportRow.Effect.REFUSED], "effect": effect, "q": text,
        "tabs": [(value, label, icon, counts[value] if value else total) for value, label, icon in TABS],
        "page": page, "rows": previews.shown_rows(roster_import, page.object_list), "problems": _problems(roster_import),
        "moved": previews.moved_between_units(roster_import), "in_post": in_post,
        "in_post_then": in_post + counts[ImportRow.Effect.NEW],
        "new_units": [unit for unit in roster_import.unknown_units if unit["choice"] == imports.CREATE],
        "left_units": [unit for unit in roster_import.unknown_units if unit["choice"] != imports.CREATE],
        "units": _unit_choices(roster_import), "kinds": Unit.Kind.choices,
        "is_previewed": roster_import.state == RosterImport.State.PREVIEWED,
        "is_committed": roster_import.state == RosterImport.State.COMMITTED,
        "is_reverted": roster_import.state == RosterImport.State.REVERTED,
    }  # fmt: skip


def _unit_choices(roster_import: RosterImport) -> list[dict[str, Any]]:
    """Each unit that is not registered with the answers offered for it; the given one is selected."""
    found = []
    for unit in roster_import.unknown_units:
        answers = [(imports.SKIP, "", f"先不管，跳过 {unit['rows']} 行")]
        target = unit["use"] or unit["like"]
        if target:
            answers.append((imports.USE, target, f"就是“{target}”"))
        answers += [(imports.CREATE, kind, f"建立为{label}") for kind, label in Unit.Kind.choices]
        given = (unit["choice"], {imports.USE: unit["use"], imports.CREATE: unit["kind"]}.get(unit["choice"], ""))
        offered = [(f"{act}:{detail}", label, (act, detail) == given) for act, detail, label in answers]
        found.append(unit | {"answers": offered})
    return found


def _problems(roster_import: RosterImport) -> list[tuple[str, int, int]]:
    """Column → rows that cannot be imported because of it, and remarks, in the order of their number."""
    found: dict[str, list[int]] = {}
    levels = roster_import.findings.order_by("row", "pk").values_list("column", "level")
    for column, level in levels:
        counted = found.setdefault(column or "整行", [0, 0])
        counted[level != ImportFinding.Level.ERROR] += 1
    return sorted(((column, bad, odd) for column, (bad, odd) in found.items()), key=lambda each: (-each[1], -each[2]))


def _steps(state: str) -> list[tuple[str, str]]:
    """The four steps with how each stands: done, now, or later."""
    reached = {
        RosterImport.State.READING: 1, RosterImport.State.UNREADABLE: 1, RosterImport.State.PREVIEWED: 2,
    }.get(RosterImport.State(state), 4)  # fmt: skip
    return [(label, "done" if i < reached else "now" if i == reached else "later") for i, label in enumerate(STEPS)]


@allow(may_import)
@require_GET
def reading_state(request: HttpRequest, import_id: int) -> HttpResponse:
    """How far the reading is, for the page that waits; it is loaded anew once there is something else to see."""
    roster_import = import_of(request, import_id)
    job = roster_import.job
    if roster_import.state != RosterImport.State.READING or job is None or not job.is_unfinished:
        response = HttpResponse(status=204)
        response["HX-Refresh"] = "true"
        return response
    return render(request, "cadres/parts/reading.html", {"roster_import": roster_import, "job": job})


@allow(may_import)
@require_POST
def choose_units(request: HttpRequest, import_id: int) -> HttpResponse:
    """What becomes of the units that are not registered; the list is read again with that."""
    roster_import = import_of(request, import_id)
    choices = {}
    for place, unit in enumerate(roster_import.unknown_units):
        act, _, detail = request.POST.get(f"unit-{place}", "").partition(":")
        if act:
            choices[unit["name"]] = (act, detail)
    actions.choose_units(roster_import=roster_import, choices=choices, by=user_of(request))
    return redirect("cadres:import", import_id)


@allow(may_import)
@require_POST
def read_again(request: HttpRequest, import_id: int) -> HttpResponse:
    actions.read_again(roster_import=import_of(request, import_id), by=user_of(request))
    return redirect("cadres:import", import_id)


@allow(may_import)
@require_POST
def commit(request: HttpRequest, import_id: int) -> HttpResponse:
    roster_import = import_of(request, import_id)
    actions.commit_import(roster_import=roster_import, by=user_of(request))
    counts = queries.effect_counts(roster_import)
    people = "条" if roster_import.kind == RosterImport.Kind.PAST else "人"
    messages.success(
        request,
        f"已写入：新增 {counts['new']} {people}，变更 {counts['changed']} {people}，保持不变 {counts['same']} {people}。"
        + (f"跳过的 {counts['refused']} 行可下载问题表改好再传。" if counts["refused"] else ""),
    )
    return redirect("cadres:import", import_id)


@allow(may_import)
@require_POST
def revert(request: HttpRequest, import_id: int) -> HttpResponse:
    roster_import = import_of(request, import_id)
    actions.revert_import(roster_import=roster_import, reason=request.POST.get("reason", ""), by=user_of(request))
    messages.success(request, "已撤回：新增的已去掉，变更的已恢复原样。")
    return redirect("cadres:import", import_id)


@allow(may_import)
@require_POST
def discard(request: HttpRequest, import_id: int) -> HttpResponse:
    actions.discard_import(roster_import=import_of(request, import_id), by=user_of(request))
    messages.success(request, "已放弃这次导入，什么也没有写入。")
    return redirect("cadres:imports")


@allow(may_import)
@require_POST
def refused(request: HttpRequest, import_id: int) -> HttpResponse:
    """The refused rows as a sheet to mend."""
    roster_import = import_of(request, import_id)
    content = actions.download_refused(roster_import=roster_import, by=user_of(request))
    return spreadsheet(
        content, f"问题表 {roster_import.file.name.removesuffix('.xlsx')} {timezone.localdate():%m%d}.xlsx"
    )


def spreadsheet(content: bytes, name: str) -> HttpResponse:
    """A workbook as a download with its Chinese name."""
    response = HttpResponse(content, content_type=actions.XLSX)
    response.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
