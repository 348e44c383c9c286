"""Acts of the evaluation: score sheets' rubrics, campaigns, panels and recusals, sheets, results."""

from evaluations.actions.campaigns import (
    advance_campaign,
    change_campaign,
    create_campaign,
    remind_scorers,
)
from evaluations.actions.panels import (
    add_panel_member,
    change_panel,
    dissolve_panel,
    form_panel,
    recuse,
    remove_panel_member,
    withdraw_recusal,
)
from evaluations.actions.results import compute_results, settle_tie
from evaluations.actions.rubrics import DEFAULT_CRITERIA, default_rubric, save_rubric
from evaluations.actions.sheets import Sheet, cast_reviews, save_review, void_review

__all__ = [
    "DEFAULT_CRITERIA",
    "Sheet",
    "add_panel_member",
    "advance_campaign",
    "cast_reviews",
    "change_campaign",
    "change_panel",
    "compute_results",
    "create_campaign",
    "default_rubric",
    "dissolve_panel",
    "form_panel",
    "recuse",
    "remind_scorers",
    "remove_panel_member",
    "save_review",
    "save_rubric",
    "settle_tie",
    "void_review",
    "withdraw_recusal",
]
