"""Routes of the evaluation."""

from django.urls import path

from evaluations.views import campaigns, panels, rubrics, scoring

app_name = "evaluations"
urlpatterns = [
    path("", campaigns.campaign_list, name="list"),
    path("new/", campaigns.campaign_new, name="campaign_new"),
    path("rubrics/", rubrics.rubric_list, name="rubrics"),
    path("rubrics/default/", rubrics.rubric_default, name="rubric_default"),
    path("rubrics/new/", rubrics.rubric_edit, name="rubric_new"),
    path("rubrics/<int:rubric_id>/", rubrics.rubric_edit, name="rubric"),
    path("<int:campaign_id>/", campaigns.campaign_page, name="campaign"),
    path("<int:campaign_id>/change/", campaigns.campaign_change, name="campaign_change"),
    path("<int:campaign_id>/act/<slug:campaign_act>/", campaigns.campaign_act, name="campaign_act"),
    path("<int:campaign_id>/scorers/", campaigns.scorers, name="scorers"),
    path("<int:campaign_id>/remind/", campaigns.remind, name="remind"),
    path("<int:campaign_id>/results/", campaigns.results, name="results"),
    path("<int:campaign_id>/panels/new/", panels.panel_new, name="panel_new"),
    path("panels/<int:panel_id>/", panels.panel_page, name="panel"),
    path("panels/<int:panel_id>/change/", panels.panel_change, name="panel_change"),
    path("panels/<int:panel_id>/dissolve/", panels.panel_dissolve, name="panel_dissolve"),
    path("seats/<int:seat_id>/remove/", panels.seat_remove, name="seat_remove"),
    path("recusals/<int:recusal_id>/withdraw/", panels.recusal_withdraw, name="recusal_withdraw"),
    path("results/<int:result_id>/tie/", campaigns.settle_tie, name="settle_tie"),
    path("<int:campaign_id>/people/<int:enrollment_id>/", campaigns.sheets_of, name="sheets"),
    path("reviews/<int:review_id>/void/", campaigns.void_review, name="void_review"),
    path("<int:campaign_id>/score/<slug:scorer>/", scoring.scoring_start, name="scoring"),
    path("<int:campaign_id>/score/<slug:scorer>/<int:enrollment_id>/", scoring.sheet, name="sheet"),
    path(
        "<int:campaign_id>/paper/<slug:scorer>/<int:scoring_user_id>/<int:enrollment_id>/",
        scoring.paper_sheet,
        name="paper_sheet",
    ),
    path("<int:campaign_id>/recuse/<int:enrollment_id>/", scoring.recuse, name="recuse"),
    path(
        "<int:campaign_id>/paper-recuse/<int:seat_id>/<int:enrollment_id>/",
        scoring.paper_recuse,
        name="paper_recuse",
    ),
]
