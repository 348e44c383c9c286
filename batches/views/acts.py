"""How these pages look up a batch and carry forms out."""

from collections.abc import Mapping
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from accounts.models import User
from batches.forms.fields import LONGEST, ActForm
from batches.models import Batch
from batches.queries import running_job, visible_batches
from config.errors import DomainError
from office.addresses import number_in
from office.models import Job

Forms = Mapping[str, ActForm]
UNPROCESSABLE = 422


def me(request: HttpRequest) -> User:
    return cast(User, request.user)


def batch_of(request: HttpRequest, batch_id: int) -> Batch:
    """The batch, or 404 when this person does not see it."""
    return get_object_or_404(visible_batches(me(request)), pk=batch_id)


def batch_and_job(request: HttpRequest, batch_id: int) -> tuple[Batch, Job | None]:
    """The batch and its running job. Without one the batch is read after the look for it: a job that ends just now has
    then ended for the whole page, which is not loaded anew."""
    found = batch_of(request, batch_id)
    job = running_job(found)
    if job is None:
        found.refresh_from_db(fields=["state", "state_reason"])
    return found, job


def forms_for(request: HttpRequest, batch: Batch, kinds: Mapping[str, type[ActForm]]) -> dict[str, ActForm]:
    """One form a kind; the one whose name was posted as `form` is bound."""
    sent = request.POST.get("form") if request.method == "POST" else None
    return {
        name: kind(batch, request.POST if name == sent else None, prefix=name, auto_id=f"id_{name}_%s")
        for name, kind in kinds.items()
    }


def carry_out(request: HttpRequest, found: Forms, url: str, *args: Any) -> HttpResponse | None:
    """Carry the posted form out and go to `url`; None when there was none or it was refused (the form says why)."""
    form = found.get(request.POST.get("form", ""))
    if request.method != "POST" or form is None:
        return None
    message = form.carried_out(me(request))
    if message is None:
        return None
    messages.success(request, message)
    return redirect(url, *args)


def status_of(found: Forms) -> int:
    """422 for a page that comes back with a refused form."""
    return UNPROCESSABLE if any(form.is_bound for form in found.values()) else 200


def posted_reason(request: HttpRequest) -> str:
    """The `reason` of a confirmation. Raises DomainError for more than the rows hold; nothing is cut off silently."""
    reason = request.POST.get("reason", "").strip()
    if len(reason) > LONGEST:
        raise DomainError("reason_too_long", f"原因最多 {LONGEST} 个字，现在 {len(reason)} 个字。请写短一些。")
    return reason


def revision_seen(request: HttpRequest) -> int | None:
    """The revision of the arrangement on the page that the clerk decided from (`batches.revision`), where it was sent."""
    return number_in(request.POST.get("revision", ""))
