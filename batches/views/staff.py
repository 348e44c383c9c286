"""班务: head teachers, counsellors, mentors, monitors and deputies of a batch's classes, and accounts for its people."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import allow
from accounts.views import slips_page
from batches.actions.accounts import issue_batch_accounts
from batches.actions.staff import end_class_staff, end_mentoring, end_office
from batches.forms.staff import MentorForm, OfficeForm, TeacherForm
from batches.models import Batch, ClassOffice, ClassStaff, Mentorship
from batches.queries import attending, cadres_without_account
from batches.roll import Roll, roll_of
from batches.rules import held, in_force, may_run_batches, may_see_batches
from batches.states import LIVE
from batches.views.acts import batch_of, carry_out, forms_for, me, status_of
from office.addresses import number_in


@allow(may_see_batches)
@require_http_methods(["GET", "POST"])
def staff(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Everybody who accompanies a class today, class by class; the forms are for centre staff."""
    found = batch_of(request, batch_id)
    may_run = may_run_batches.test(request.user)
    kinds = {"teacher": TeacherForm, "office": OfficeForm, "mentor": MentorForm} if may_run else {}
    forms = forms_for(request, found, kinds)
    done = carry_out(request, forms, "batches:staff", found.pk)
    if done is not None:
        return done
    people, roll = attending(found), roll_of(found)
    context = {
        "batch": found,
        "rows": class_rows(found, roll),
        "since": roll.since,
        "forms": forms,
        "may_run": may_run,
        "is_live": found.state in LIVE,
        "people": people.count(),
        "without_account": cadres_without_account(found).count(),
        "programme": found.programme,
    }
    return render(request, "batches/staff.html", context, status=status_of(forms))


def class_rows(batch: Batch, roll: Roll) -> list[dict[str, Any]]:
    """Class by class, as the version in force has it: posts, offices, mentors with how many they accompany, members."""
    rows: dict[int, dict[str, Any]] = {
        row.pk: {"practice_class": row, "posts": [], "offices": [], "mentors": {}, "size": 0, "mentored": 0}
        for row in batch.classes.select_related("track").order_by("number")
    }
    for post in (
        in_force(ClassStaff.objects.filter(practice_class__batch=batch), roll.posts_day)
        .select_related("user")
        .order_by("kind", "pk")
    ):
        rows[post.practice_class_id]["posts"].append(post)
    offices = held(ClassOffice.objects.filter(membership__practice_class__batch=batch), roll.posts_day)
    for office in offices.select_related("membership__enrollment__cadre__unit").order_by("-kind", "pk"):
        rows[office.membership.practice_class_id]["offices"].append(office)
    mentors = in_force(Mentorship.objects.filter(enrollment__batch=batch, enrollment__live=True), roll.posts_day)
    of = {row.enrollment_id: row for row in mentors.select_related("user").order_by("pk")}
    for seat in roll.seats:
        pk, row = seat.enrollment_id, rows[seat.practice_class_id]
        row["size"] += 1
        if pk in of:
            row["mentored"] += 1
            mentor = row["mentors"].setdefault(of[pk].user_id, {"user": of[pk].user, "people": 0, "last": of[pk].pk})
            mentor["people"] += 1
    return [{**row, "mentors": list(row["mentors"].values())} for row in rows.values()]


@allow(may_run_batches)
@never_cache
@require_POST
def accounts(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Accounts for everybody without one (of one class when it is named); the answer is the page of slips to print."""
    found = batch_of(request, batch_id)
    asked = request.POST.get("class", "")
    practice_class = get_object_or_404(found.classes, pk=number_in(asked)) if asked else None
    return slips_page(request, issue_batch_accounts(batch=found, by=me(request), practice_class=practice_class))


@allow(may_run_batches)
@require_POST
def end(request: HttpRequest, batch_id: int, post_kind: str, row_id: int) -> HttpResponse:
    """End a post, an office, or everything that one mentor does in a class."""
    found = batch_of(request, batch_id)
    if post_kind == "post":
        post = get_object_or_404(
            ClassStaff.objects.filter(practice_class__batch=found).select_related("user"), pk=row_id
        )
        end_class_staff(post=post, by=me(request))
        messages.success(request, f"{post.user}不再任{post.practice_class.short_name}{post.get_kind_display()}。")
    elif post_kind == "office":
        offices = ClassOffice.objects.filter(membership__practice_class__batch=found)
        office = get_object_or_404(offices.select_related("membership__enrollment__cadre"), pk=row_id)
        end_office(office=office, by=me(request))
        messages.success(request, f"{office.membership.enrollment}不再任{office.get_kind_display()}。")
    elif post_kind == "mentor":
        rows = Mentorship.objects.filter(enrollment__batch=found).select_related("user")
        one = get_object_or_404(rows, pk=row_id)
        classes = found.classes.filter(memberships__enrollment=one.enrollment_id, memberships__live=True)
        practice_class = get_object_or_404(classes.order_by("-memberships__days")[:1])
        count = end_mentoring(user=one.user, practice_class=practice_class, by=me(request))
        messages.success(request, f"{one.user}不再帮带{practice_class.short_name}的 {count} 名学员。")
    else:
        raise Http404
    return redirect("batches:staff", found.pk)
