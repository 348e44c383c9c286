"""Routes of the evaluation."""

from django.urls import path

from evaluations.views import campaigns, rubrics, scoring

app_name = "evaluations"
urlpatterns = [
    path("", campaigns.campaign_list, name="list"),
    path("new/", campaigns.campaign_new, name="campaign_new"),
    path("rubrics/", rubrics.rubric_list, name="rubrics"),
    path("rubrics/default/", rubrics.rubric_default, name="rubric_default"),
    path("rubrics/new/", rubrics.rubric_edit, name="rubric_new"),
    path("rubrics/<int:rubric_id>/", rubrics.rubric_edit, name="rubric"),
    path("<int:campaign_id>/", campaigns.campaign_page, name="campaign"),
    path("<int:campaign_id>/act/<slug:act>/", campaigns.campaign_act, name="campaign_act"),
    path("<int:campaign_id>/panels/", campaigns.panel_new, name="panel_new"),
    path("panels/<int:panel_id>/members/", campaigns.panel_member_new, name="panel_member_new"),
    path("results/<int:result_id>/tie/", campaigns.settle_tie, name="settle_tie"),
    path("<int:campaign_id>/people/<int:enrollment_id>/", campaigns.sheets_of, name="sheets"),
    path("reviews/<int:review_id>/void/", campaigns.void_review, name="void_review"),
    path("<int:campaign_id>/score/<slug:scorer>/", scoring.scoring_start, name="scoring"),
    path("<int:campaign_id>/score/<slug:scorer>/<int:enrollment_id>/", scoring.sheet, name="sheet"),
    path(
        "<int:campaign_id>/paper/<slug:scorer>/<int:user_id>/<int:enrollment_id>/",
        scoring.paper_sheet,
        name="paper_sheet",
    ),
    path("<int:campaign_id>/recuse/<int:enrollment_id>/", scoring.recuse, name="recuse"),
]
