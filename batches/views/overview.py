"""集中安排表: the whole batch on one A4 sheet, and the notice's text to paste into a chat group."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.access import allow
from batches.arrangement import arrangement_of
from batches.notice_text import chat_text
from batches.overview import calendar_of
from batches.queries import latest_run, version_in_force
from batches.rules import may_see_batches
from batches.states import LIVE
from batches.views.acts import batch_of, me


@allow(may_see_batches)
@require_GET
def overview(request: HttpRequest, batch_id: int) -> HttpResponse:
    found = batch_of(request, batch_id)
    arrangement = arrangement_of(found)
    version, run = version_in_force(found), latest_run(found)
    source = version or run
    context = {
        "batch": found,
        "calendar": calendar_of(arrangement) if arrangement else None,
        "since": arrangement.since if arrangement else "",
        "people": arrangement.people if arrangement else 0,
        "classes": len(arrangement.classes) if arrangement else 0,
        "gatherings": len(arrangement.held) if arrangement else 0,
        "text": chat_text(arrangement) if arrangement else "",
        "is_live": found.state in LIVE,
        "version": version,
        "source": source,
        "printed_by": me(request),
        "printed_at": timezone.localtime(),
    }
    return render(request, "batches/overview.html", context)
