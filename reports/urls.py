"""Routes of the home page, the dashboard and the papers."""

from django.urls import path

from reports import views

app_name = "reports"
urlpatterns = [
    path("", views.home_page, name="home"),
    path("dashboard/", views.dashboard_page, name="dashboard"),
    path("dashboard/<int:batch_id>/", views.dashboard_page, name="dashboard_of"),
    path("dashboard/coverage/<slug:part>/", views.coverage_page, name="coverage"),
    path("dashboard/<int:batch_id>/records/", views.records_page, name="records"),
    path("dashboard/<int:batch_id>/bases/<int:base_id>/", views.base_load_page, name="base_load"),
    path("dashboard/results/<int:campaign_id>/<slug:grade>/", views.results_page, name="results"),
    path("papers/roster/<int:class_id>/", views.ask_roster, name="ask_roster"),
    path("papers/sign-in/<int:gathering_id>/", views.ask_sign_in, name="ask_sign_in"),
    path("papers/lodging/<int:gathering_id>/", views.ask_lodging, name="ask_lodging"),
    path("papers/notice/<int:batch_id>/", views.ask_notice, name="ask_notice"),
]
