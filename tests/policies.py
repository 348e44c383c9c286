"""Who may open which route: the table that tests/test_routes.py holds every route against.

One row per route name, `app:name`. How to add yours:

    "batches:class_page": Row(pk="practice_class", every=DESK, own={HEAD_TEACHER, MONITOR}, rest=404),

- `pk` names the object behind the URL's `pk`: an attribute of `Side` in tests/world.py (`practice_class`, `gathering`, `record`,
  `cadre` …) or a personal row (`job`, `notice`, `file`, `account`). Other URL arguments are found by their own name in
  `ARGUMENTS` below (`batch_id`, `class_id` …); a new argument name needs a line there.
- `every`: roles that reach every side's object (or, on a route without an object, the page).
- `own`: roles that reach their own side's object and get 404 for anybody else's, with the very body of an absent one.
- `rest`: what all other signed-in people get: 403 where the view's `@allow` refuses them, 404 where it lets them in and the
  look-up (`visible_to`) finds nothing. `hidden` lists roles that get 404 although the rest gets 403.
- `methods`: ("GET",) unless told; ("POST",) for acts. A method that is not listed must change nothing.
- `data`: what a POST sends: a dict, or a function of (world, role, relation). Reached means: neither refused nor broken;
  an act's own refusal (a form error, a message) counts as reached.
- `status`: the exact status when reached, where it matters. `setup`: a function of the world run first (put a batch in another
  state …); everything is rolled back afterwards.
- `public`: open to strangers.

Whoever is not signed in gets the sign-in page (302) everywhere else; that needs no row. Admin pages have one row per model
in `ADMIN`; admin pages with a name of their own (buttons) need a row in `ROUTES` as all others do.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from batches.models import PlanRun
from office.files import store_file
from tests.world import (
    AUDIT,
    BASE_MANAGER,
    CADRE,
    CENTRE,
    COUNSELLOR,
    HEAD_TEACHER,
    LEADER,
    MENTOR,
    MONITOR,
    OUTSIDER,
    PANEL_MEMBER,
    SECURITY,
    SIGNED_IN,
    SYSTEM,
    TOWNSHIP_LIAISON,
    UNIT_LIAISON,
    World,
)  # fmt: skip

__all__ = [
    "AUDIT", "BASE_MANAGER", "CADRE", "CENTRE", "COUNSELLOR", "DESK", "HEAD_TEACHER", "LEADER", "MENTOR", "MONITOR", "NOBODY",
    "OUTSIDER", "PANEL_MEMBER", "SECURITY", "SIGNED_IN", "SYSTEM", "TOWNSHIP_LIAISON", "UNIT_LIAISON",
]  # fmt: skip

NOBODY: frozenset[str] = frozenset()
DESK = frozenset({CENTRE})
"""The service centre."""
OFFICES = frozenset({CENTRE, SYSTEM, SECURITY, AUDIT})
"""Whoever may open the admin site at all."""


@dataclass(frozen=True)
class Row:
    pk: str = ""
    every: Collection[str] = NOBODY
    own: Collection[str] = NOBODY
    rest: int = 403
    hidden: Collection[str] = NOBODY
    methods: tuple[str, ...] = ("GET",)
    data: Mapping[str, Any] | Callable[[World, str, str], Mapping[str, Any]] = field(default_factory=dict)
    status: int | None = None
    setup: Callable[[World], None] | None = None
    public: bool = False


@dataclass(frozen=True)
class AdminRow:
    """A model in the admin site: its object in the world ("" for none), who sees, adds and changes it. Nobody deletes."""

    pk: str = ""
    view: Collection[str] = DESK
    add: Collection[str] = NOBODY
    change: Collection[str] = NOBODY


ARGUMENTS: dict[str, str | Callable[[World, str], Any]] = {
    "base_id": "base",
    "closure_id": "closure",
    "household_act": lambda world, relation: "withdraw",
    "rate_id": "rate",
    "use_id": "base_use",
    "batch_id": "batch",
    "cadre_id": "cadre",
    "campaign_id": "campaign",
    "class_id": "practice_class",
    "enrollment_id": "enrollment",
    "file_id": "file",
    "gathering_id": "gathering",
    "household_id": "household",
    "import_id": "roster_import",
    "job_id": "job",
    "member_id": "membership",
    "outlook_id": "outlook",
    "panel_id": "panel",
    "programme_id": "programme",
    "record_id": "record",
    "reflection_id": "reflection",
    "report_id": "report",
    "review_id": "review",
    "room_id": "room",
    "run_id": "plan_run",
    "pin_id": "gathering_pin",
    "number": lambda world, relation: 1,
    "unit_id": "unit",
    "user_id": "account",
    "village_id": "village",
    "what": lambda world, relation: "account.phone",
    "absence_id": "absence",
    "makeup_id": "make_up",
    "photo_id": "attachment",
    "kind": lambda world, relation: "record",
    "paper_id": "record",
    "demand_id": "demand",
    "nomination_id": "nomination",
    "post_kind": lambda world, relation: "post",
    "row_id": "head_teacher_post",
    "step": lambda world, relation: "evaluate",
    "waiver_id": "waiver",
    "act": lambda world, relation: "withdraw",
    "part": lambda world, relation: "due",
    "grade": lambda world, relation: "good",
    "campaign_act": lambda world, relation: "freeze",
    "scorer": lambda world, relation: "mentor",
    "scoring_user_id": lambda world, relation: world.sides.get(relation, world.sides["own"]).people[MENTOR].pk,
    "seat_id": "panel_member",
    "recusal_id": "recusal",
    "result_id": "result",
    "rubric_id": "rubric",
}
"""URL argument → attribute of the side, or a function of (world, relation) that gives the plain value."""

MANAGERS = frozenset({CENTRE, SYSTEM})

ACCOUNTS: dict[str, Row] = {
    "accounts:sign_in": Row(public=True, methods=("GET", "POST"), status=200),
    "accounts:sign_out": Row(every=SIGNED_IN, methods=("POST",), status=302),
    "accounts:change_password": Row(every=SIGNED_IN, methods=("GET", "POST"), status=200),
    "accounts:me": Row(every=SIGNED_IN, status=200),
    "accounts:reveal": Row(pk="account", every=MANAGERS, rest=404, methods=("GET", "POST"), status=200),
    "accounts:create_accounts": Row(every=MANAGERS, methods=("GET", "POST"), status=200),
    "accounts:account": Row(pk="account", every={*MANAGERS, SECURITY}, status=200),
    "accounts:reset_password": Row(pk="account", every=MANAGERS, methods=("POST",)),
    "accounts:disable_account": Row(
        pk="account", every=MANAGERS, methods=("POST",), data={"reason": "调离"}, status=302
    ),
    "accounts:enable_account": Row(pk="account", every=MANAGERS, methods=("POST",), status=302),
    "accounts:unlock_account": Row(pk="account", every=MANAGERS, methods=("POST",), status=302),
    "accounts:revoke_role": Row(pk="role_grant", every={SECURITY}, methods=("GET", "POST"), data={"reason": "调离"}),
    "accounts:audit": Row(every={AUDIT}, status=200),
    "accounts:verify_audit": Row(every={AUDIT}, methods=("POST",), status=302),
}

OFFICE: dict[str, Row] = {
    "office:jobs": Row(every=SIGNED_IN, status=200),
    "office:job": Row(pk="job", every=DESK, own=SIGNED_IN, status=200),
    "office:job_state": Row(pk="job", every=DESK, own=SIGNED_IN, status=200),
    "office:cancel_job": Row(pk="running_job", every=DESK, own=SIGNED_IN, methods=("POST",), status=302),
    "office:job_file": Row(pk="job", every=DESK, own=SIGNED_IN, status=200),
    "office:notices": Row(every=SIGNED_IN, status=200),
    "office:read_notice": Row(pk="notice", own=SIGNED_IN, methods=("POST",), status=302),
    "office:read_all_notices": Row(every=SIGNED_IN, methods=("POST",), status=302),
    "office:seed_calendar": Row(every=DESK, methods=("POST",), data={"year": "2026"}, status=302),
    "office:burdens": Row(every=SIGNED_IN, status=200),
}

KEEPERS = frozenset({TOWNSHIP_LIAISON, BASE_MANAGER})
"""Whoever looks after bases: each the own ones."""
ONLOOKERS = frozenset({CENTRE, LEADER})

BASES: dict[str, Row] = {
    "bases:overview": Row(every={*ONLOOKERS, *KEEPERS}, status=200),
    "bases:base": Row(every=ONLOOKERS, own=KEEPERS, status=200),
    "bases:close": Row(every=DESK, own=KEEPERS, methods=("GET", "POST"), status=200),
    "bases:enter_outside_use": Row(every=DESK, own=KEEPERS, methods=("GET", "POST"), status=200),
    "bases:retire": Row(every=DESK, methods=("POST",), data={"reason": "搬迁"}, status=302),
    "bases:restore": Row(every=DESK, methods=("POST",), status=302),
    "bases:reopen": Row(every=DESK, own=KEEPERS, methods=("POST",), data={"reason": "提前收完"}, status=302),
    "bases:cancel_use": Row(every=DESK, own=KEEPERS, methods=("POST",), data={"reason": "对方改期"}, status=302),
    "bases:households": Row(every={*ONLOOKERS, *KEEPERS}, status=200),
    "bases:household": Row(every=ONLOOKERS, own=KEEPERS, status=200),
    "bases:household_act": Row(every=DESK, own={TOWNSHIP_LIAISON}, methods=("GET", "POST"), status=200),
    "bases:rates": Row(every={*ONLOOKERS, *KEEPERS}, status=200),
    "bases:set_rate": Row(every=DESK, methods=("GET", "POST"), status=200),
    "bases:confirm_rate": Row(every=DESK, methods=("POST",), status=302),
    "bases:unconfirm_rate": Row(every=DESK, methods=("POST",), data={"reason": "填错"}, status=302),
    "bases:import": Row(every=DESK, methods=("GET", "POST"), status=200),
    "bases:import_template": Row(every=DESK, status=200),
}

CADRES: dict[str, Row] = {
    "cadres:imports": Row(every=DESK, status=200),
    "cadres:upload_roster": Row(every=DESK, methods=("GET", "POST")),
    "cadres:upload_past": Row(every=DESK, methods=("GET", "POST")),
    "cadres:roster_form": Row(every=DESK, status=200),
    "cadres:past_form": Row(every=DESK, status=200),
    "cadres:import": Row(every=DESK, status=200),
    "cadres:import_reading": Row(every=DESK, status=204),
    "cadres:import_units": Row(every=DESK, methods=("POST",), status=302),
    "cadres:import_again": Row(every=DESK, methods=("POST",), status=302),
    "cadres:import_commit": Row(every=DESK, methods=("POST",), status=302),
    "cadres:import_revert": Row(every=DESK, methods=("POST",), data={"reason": "传错了"}, status=409),
    "cadres:import_discard": Row(every=DESK, methods=("POST",), status=302),
    "cadres:import_refused": Row(every=DESK, methods=("POST",), status=302),
    "cadres:unavailability": Row(every={CENTRE, UNIT_LIAISON}, methods=("GET", "POST")),
    "cadres:void_unavailability": Row(
        pk="unavailability", every=DESK, own={UNIT_LIAISON}, methods=("POST",), data={"reason": "改期"}, status=302
    ),
    "cadres:unit": Row(every={UNIT_LIAISON}, status=200),
    "cadres:unit_page": Row(every=DESK, own={UNIT_LIAISON}, status=200),
    "cadres:me": Row(every={CADRE, MONITOR}, status=200),
    "admin:cadres_cadre_export": Row(every=DESK, methods=("GET", "POST")),
}

ACCOMPANY = frozenset({HEAD_TEACHER, COUNSELLOR})
IN_CLASS = frozenset({HEAD_TEACHER, COUNSELLOR, MONITOR, CADRE})
BOTH = ("GET", "POST")


def _with_scans(world: World) -> None:
    """Every side's gathering has the scan of its signed sheet."""
    for side in world.sides.values():
        scan = store_file(
            name="签到表.pdf", kind="signed_sheet", content=b"x", content_type="application/pdf", owner=None
        )
        type(side.gathering).objects.filter(pk=side.gathering.pk).update(signed_sheet=scan)


ACTIVITIES: dict[str, Row] = {
    "activities:classes": Row(every={*ONLOOKERS, *ACCOMPANY}, status=200),
    "activities:now": Row(every={MONITOR}, status=302),
    "activities:me": Row(every={CADRE, MONITOR}, status=200),
    "activities:reflection": Row(every={CADRE, MONITOR}, methods=BOTH),
    "activities:leave": Row(own={CADRE, MONITOR}, methods=BOTH, status=200),
    "activities:class": Row(every=ONLOOKERS, own=ACCOMPANY, status=200),
    "activities:gathering": Row(every=ONLOOKERS, own={*ACCOMPANY, MONITOR}, status=200),
    "activities:record_new": Row(every=DESK, own={MONITOR}, methods=BOTH, status=200),
    "activities:report_new": Row(every=DESK, own={MONITOR}, methods=BOTH, status=200),
    "activities:absence_new": Row(every=DESK, own={HEAD_TEACHER, MONITOR}, methods=BOTH, status=200),
    "activities:hold": Row(every=DESK, own={HEAD_TEACHER, MONITOR}, methods=("POST",), status=302),
    "activities:take_back": Row(
        every=DESK, own={HEAD_TEACHER, MONITOR}, methods=("POST",), data={"reason": "没有去"}, status=302
    ),
    "activities:confirm": Row(every=DESK, own={HEAD_TEACHER, MONITOR}, methods=BOTH),
    "activities:sheet": Row(every=ONLOOKERS, own={*ACCOMPANY, MONITOR}, status=200, setup=_with_scans),
    "activities:correct": Row(every=DESK, own={HEAD_TEACHER}, methods=BOTH, status=200),
    "activities:makeup": Row(every=DESK, own={HEAD_TEACHER}, methods=BOTH, status=200),
    "activities:makeup_void": Row(
        every=DESK, own={HEAD_TEACHER}, methods=("POST",), data={"reason": "不去了"}, status=302
    ),
    "activities:absence_decide": Row(
        every=DESK, own={HEAD_TEACHER}, methods=("POST",), data={"decision": "approve"}, status=302
    ),
    "activities:absence_void": Row(
        every=DESK, own={HEAD_TEACHER, MONITOR, CADRE}, methods=("POST",), data={"reason": "记错了"}, status=302
    ),
    "activities:record": Row(every=ONLOOKERS, own=IN_CLASS, rest=404, methods=BOTH),
    "activities:review": Row(every=DESK, own=ACCOMPANY, hidden={MENTOR}, methods=BOTH),
    "activities:reflection_edit": Row(every=ONLOOKERS, own={*ACCOMPANY, MENTOR, CADRE}, rest=404, methods=BOTH),
    "activities:review_reflection": Row(every=DESK, own={*ACCOMPANY, MENTOR}, methods=BOTH),
    "activities:report_edit": Row(every=ONLOOKERS, own=IN_CLASS, rest=404, methods=BOTH),
    "activities:review_report": Row(every=DESK, own=ACCOMPANY, hidden={MENTOR}, methods=BOTH),
    "activities:photo": Row(every=ONLOOKERS, own=IN_CLASS, rest=404, status=200),
    "activities:photo_remove": Row(every=DESK, own={MONITOR}, methods=("POST",), data={"reason": "拍错了"}, status=302),
    "activities:paper_act": Row(every=DESK, own=IN_CLASS, hidden={MENTOR}, methods=("POST",), status=302),
    "activities:five_ones": Row(every=ONLOOKERS, own=ACCOMPANY, status=200),
    "activities:archive": Row(every=DESK, methods=("POST",), status=302),
}

BATCHES: dict[str, Row] = {
    "batches:list": Row(every=ONLOOKERS, status=200),
    "batches:create": Row(every=DESK, methods=("GET", "POST")),
    "batches:programme": Row(every=ONLOOKERS, status=200),
    "batches:programme_create": Row(every=DESK, methods=("GET", "POST")),
    "batches:programme_edit": Row(every=DESK, methods=("GET", "POST")),
    "batches:programme_tracks": Row(every=DESK, methods=("GET", "POST")),
    "batches:countdown": Row(every=ONLOOKERS, status=200),
    "batches:outlook": Row(every=ONLOOKERS, status=200),
    "batches:outlook_estimate": Row(every=ONLOOKERS, status=200),
    "batches:outlook_start": Row(every=DESK, methods=("POST",), data={"batches": "1"}, status=302),
    "batches:outlook_run": Row(every=ONLOOKERS, status=200),
    "batches:outlook_progress": Row(every=ONLOOKERS, status=286),
    "batches:outlook_stop": Row(every=DESK, methods=("POST",), status=302),
    "batches:outlook_adopt": Row(every=DESK, methods=("POST",), data={"reason": "多派人"}, status=302),
    "batches:outlook_set_up": Row(every=DESK, methods=("POST",), status=302),
    "batches:outlook_drop": Row(every=DESK, methods=("POST",), status=302),
    "batches:batch": Row(every=ONLOOKERS, status=200),
    "batches:edit": Row(every=DESK, methods=("GET", "POST")),
    "batches:delete": Row(every=DESK, methods=("POST",), data={"reason": "建错了"}, status=302),
    "batches:class_page": Row(every=ONLOOKERS, status=200),
    "batches:advance": Row(every=DESK, methods=("POST",), status=302),
    "batches:propose": Row(every=DESK, methods=("POST",), status=302),
    "batches:plan": Row(every=DESK, methods=("POST",), status=302),
    "batches:studio": Row(every=ONLOOKERS, status=200),
    "batches:compare": Row(every=ONLOOKERS, status=200),
    "batches:swap": Row(every=DESK, methods=("GET", "POST"), status=200),
    "batches:unpin": Row(every=DESK, methods=("POST",), status=302),
    "batches:repair": Row(every=DESK, methods=("GET", "POST"), status=200),
    "batches:drop_class": Row(every=DESK, methods=("POST",), status=302),
    "batches:curve": Row(every=DESK, methods=("POST",), status=302),
    "batches:version": Row(every=ONLOOKERS, status=200),
    "batches:trial": Row(
        every=DESK, methods=("POST",), data={"cure": "0-0"}, status=302, setup=lambda _: _with_plans()
    ),
    "batches:adopt_trial": Row(
        every=DESK, methods=("POST",), data={"reason": "任务重"}, status=302, setup=lambda _: _with_plans()
    ),
    "batches:progress": Row(every=ONLOOKERS, status=286),
    "batches:stop": Row(every=DESK, methods=("POST",), status=302),
    "batches:publish": Row(every=DESK, methods=("POST",), status=302),
    "batches:export_plan": Row(every=DESK, methods=("POST",), status=302),
    "batches:withdraw": Row(every=DESK, methods=("POST",), data={"reason": "改名单"}, status=302),
    "batches:names": Row(every=ONLOOKERS, methods=("GET", "POST"), status=200),
    "batches:remind": Row(every=DESK, methods=("POST",), status=302),
    "batches:drop_demand": Row(every=DESK, methods=("POST",), status=302),
    "batches:nominations": Row(every=DESK, own={UNIT_LIAISON}),
    "batches:confirm_unit": Row(every=DESK, own={UNIT_LIAISON}, methods=("POST",), status=302),
    "batches:nomination": Row(every=DESK, own={UNIT_LIAISON}, methods=("GET", "POST")),
    "batches:staff": Row(every=ONLOOKERS, methods=("GET", "POST"), status=200),
    "batches:accounts": Row(every=DESK, methods=("POST",)),
    "batches:end_staff": Row(every=DESK, methods=("POST",), status=302),
    "batches:adjust": Row(every=DESK, methods=("GET", "POST"), status=200),
    "batches:place": Row(every=DESK, methods=("GET", "POST")),
    "batches:waivers": Row(every=ONLOOKERS, methods=("GET", "POST"), status=200),
    "batches:approve_waiver": Row(every=DESK, methods=("POST",), status=302),
    "batches:end_waiver": Row(every=DESK, methods=("POST",), data={"reason": "不用了"}, status=302),
    "batches:overview": Row(every=ONLOOKERS, status=200),
}


def _with_plans() -> None:
    """Every run has a plan with one shortfall explained, and a cure that changes nothing."""
    cure = {"changes": [], "sentence": "不改", "buys": "没有", "leaves": 1}
    why = {"rule": "COVER", "subject": "U1", "amount": 1, "sentence": "排不进", "cures": [cure]}
    PlanRun.objects.update(plan_text="{}", explanations=[why])


def _with_results(world: World) -> None:
    """Every side's campaign has results that stand."""
    for side in world.sides.values():
        type(side.campaign).objects.filter(pk=side.campaign.pk).update(state="computed")


REPORTS: dict[str, Row] = {
    "reports:home": Row(every=SIGNED_IN),
    "reports:dashboard": Row(every=ONLOOKERS, status=200),
    "reports:dashboard_of": Row(every=ONLOOKERS, status=200),
    "reports:coverage": Row(every=ONLOOKERS, status=200),
    "reports:records": Row(every=ONLOOKERS, status=200),
    "reports:base_load": Row(every=ONLOOKERS, status=200),
    "reports:results": Row(every=ONLOOKERS, status=200, setup=_with_results),
    "reports:ask_roster": Row(every=DESK, own={HEAD_TEACHER, MONITOR}, methods=("POST",), status=302),
    "reports:ask_sign_in": Row(every=DESK, own={HEAD_TEACHER, MONITOR}, methods=("POST",), status=302),
    "reports:ask_lodging": Row(every=DESK, own={HEAD_TEACHER, MONITOR}, methods=("POST",), status=302),
    "reports:ask_notice": Row(every=DESK, methods=("POST",), status=302),
}

SCORERS = frozenset({MENTOR, HEAD_TEACHER, PANEL_MEMBER})


def _sheet(world: World, role: str, relation: str) -> dict[str, str]:
    """A mentor's sheet for the person of the world's campaign."""
    criterion = world.sides["own"].criteria[0]
    return {f"score-{criterion.pk}": "85", "comment": "", "cast": "1"}


def _line(world: World, role: str, relation: str) -> dict[str, str]:
    return {"name": "新表", "lines-TOTAL_FORMS": "1", "lines-INITIAL_FORMS": "0", "lines-0-name": "问答",
            "lines-0-description": "", "lines-0-weight": "100", "lines-0-scorer": "panel"}  # fmt: skip


EVALUATIONS: dict[str, Row] = {
    "evaluations:list": Row(every={*ONLOOKERS, *SCORERS}, status=200),
    "evaluations:campaign_new": Row(every=DESK, methods=("GET", "POST")),
    "evaluations:rubrics": Row(every=DESK, status=200),
    "evaluations:rubric_default": Row(every=DESK, methods=("POST",), status=302),
    "evaluations:rubric_new": Row(every=DESK, methods=("GET", "POST"), data=_line),
    "evaluations:rubric": Row(every=DESK, methods=("GET", "POST"), data=_line),
    "evaluations:campaign": Row(every=ONLOOKERS, status=200),
    "evaluations:campaign_change": Row(every=DESK, methods=("GET", "POST")),
    "evaluations:campaign_act": Row(every=DESK, methods=("POST",), status=302),
    "evaluations:scorers": Row(every=ONLOOKERS, status=200),
    "evaluations:remind": Row(every=DESK, methods=("POST",), status=302),
    "evaluations:results": Row(every=ONLOOKERS, status=200),
    "evaluations:panel_new": Row(every=DESK, methods=("GET", "POST"), data={"name": "新的"}),
    "evaluations:panel": Row(every=DESK, methods=("GET", "POST"), data={"person": "无此人", "kind": "villager"}),
    "evaluations:panel_change": Row(every=DESK, methods=("GET", "POST"), data={"name": "新的"}),
    "evaluations:panel_dissolve": Row(every=DESK, methods=("POST",), status=302),
    "evaluations:seat_remove": Row(every=DESK, methods=("POST",), data={"reason": "调走"}, status=302),
    "evaluations:recusal_withdraw": Row(every=DESK, methods=("POST",), data={"reason": "点错"}, status=302),
    "evaluations:settle_tie": Row(every=DESK, methods=("POST",), data={"reason": "议定"}, status=302),
    "evaluations:sheets": Row(every=ONLOOKERS, status=200),
    "evaluations:void_review": Row(every=DESK, methods=("POST",), data={"reason": "看错人"}, status=302),
    "evaluations:scoring": Row(own={MENTOR}, hidden={HEAD_TEACHER, PANEL_MEMBER}, status=302),
    "evaluations:sheet": Row(own={MENTOR}, hidden={HEAD_TEACHER, PANEL_MEMBER}, methods=("GET", "POST"), data=_sheet),
    "evaluations:paper_sheet": Row(every=DESK, methods=("GET", "POST"), data=_sheet),
    "evaluations:recuse": Row(
        own={PANEL_MEMBER}, hidden={MENTOR, HEAD_TEACHER}, methods=("POST",), data={"reason": "亲戚"}, status=302
    ),
    "evaluations:paper_recuse": Row(every=DESK, methods=("POST",), data={"reason": "亲戚"}),
}

ROUTES: dict[str, Row] = {**EVALUATIONS, **REPORTS, **BATCHES, **ACTIVITIES, **CADRES, **ACCOUNTS, **OFFICE, **BASES}

ADMIN: dict[str, AdminRow] = {
    "evaluations.Campaign": AdminRow(pk="campaign"),
    "evaluations.Result": AdminRow(pk="result"),
    "evaluations.Review": AdminRow(pk="review"),
    "evaluations.Rubric": AdminRow(pk="rubric"),
    "activities.ActivityRecord": AdminRow(pk="record"),
    "activities.Reflection": AdminRow(pk="reflection"),
    "activities.ResearchReport": AdminRow(pk="report"),
    "batches.Absence": AdminRow(pk="absence"),
    "batches.Batch": AdminRow(pk="batch"),
    "batches.Nomination": AdminRow(pk="nomination"),
    "batches.PracticeClass": AdminRow(pk="practice_class"),
    "batches.Enrollment": AdminRow(pk="enrollment"),
    "batches.Gathering": AdminRow(pk="gathering"),
    "batches.PlanVersion": AdminRow(pk="plan_version"),
    "accounts.User": AdminRow(pk="account", view={CENTRE, SYSTEM, SECURITY}),
    "accounts.RoleGrant": AdminRow(pk="role_grant", view={SECURITY}, add={SECURITY}),
    "bases.BaseManager": AdminRow(pk="base_manager", add=DESK, change=DESK),
    "bases.BaseUse": AdminRow(pk="base_use"),
    "bases.Closure": AdminRow(pk="closure"),
    "bases.HostHousehold": AdminRow(pk="household", add=DESK, change=DESK),
    "bases.PracticeBase": AdminRow(pk="base", add=DESK, change=DESK),
    "bases.Rate": AdminRow(pk="rate"),
    "bases.Route": AdminRow(add=DESK, change=DESK),
    "bases.TownshipLiaison": AdminRow(pk="township_liaison", add=DESK, change=DESK),
    "bases.Village": AdminRow(pk="village", add=DESK, change=DESK),
    "cadres.Cadre": AdminRow(pk="cadre", add=DESK, change=DESK),
    "cadres.PastAttendance": AdminRow(pk="past_attendance", add=DESK, change=DESK),
    "cadres.RosterImport": AdminRow(pk="roster_import"),
    "cadres.Unavailability": AdminRow(pk="unavailability"),
    "cadres.Unit": AdminRow(pk="unit", add=DESK, change=DESK),
    "cadres.UnitLiaison": AdminRow(pk="unit_liaison", add=DESK, change=DESK),
    "office.CalendarDay": AdminRow(pk="calendar_day", view={CENTRE, SYSTEM}, add=DESK, change=DESK),
}
