"""Routes of batches."""

from django.urls import path

from batches.views import adjust, names, nominations, overview, plan, programme, session, staff, studio, waivers

app_name = "batches"
urlpatterns = [
    path("", session.batch_list, name="list"),
    path("new/", session.create, name="create"),
    path("programme/", programme.programme, name="programme"),
    path("programme/new/", programme.create, name="programme_create"),
    path("programme/<int:programme_id>/edit/", programme.edit, name="programme_edit"),
    path("programme/<int:programme_id>/tracks/", programme.tracks, name="programme_tracks"),
    path("<int:batch_id>/", session.batch, name="batch"),
    path("<int:batch_id>/classes/<int:class_id>/", session.class_page, name="class_page"),
    path("<int:batch_id>/advance/<str:step>/", session.advance, name="advance"),
    path("<int:batch_id>/propose/", plan.propose, name="propose"),
    path("<int:batch_id>/plan/", plan.plan, name="plan"),
    path("<int:batch_id>/studio/", studio.studio, name="studio"),
    path("<int:batch_id>/studio/progress/", studio.studio_progress, name="studio_progress"),
    path("<int:batch_id>/studio/<int:run_id>/trial/", studio.trial, name="trial"),
    path("<int:batch_id>/studio/<int:run_id>/adopt/", studio.adopt, name="adopt_trial"),
    path("<int:batch_id>/compare/", studio.compare, name="compare"),
    path("<int:batch_id>/progress/", plan.progress, name="progress"),
    path("<int:batch_id>/stop/", plan.stop, name="stop"),
    path("<int:batch_id>/publish/<int:run_id>/", plan.publish, name="publish"),
    path("<int:batch_id>/withdraw/", plan.withdraw, name="withdraw"),
    path("<int:batch_id>/names/", names.names, name="names"),
    path("<int:batch_id>/names/remind/", names.remind, name="remind"),
    path("<int:batch_id>/names/demands/<int:demand_id>/drop/", names.drop, name="drop_demand"),
    path("<int:batch_id>/nominations/", nominations.nominations, name="nominations"),
    path("<int:batch_id>/nominations/<int:unit_id>/confirm/", nominations.confirm_all, name="confirm_unit"),
    path("nominations/<int:nomination_id>/", nominations.nomination, name="nomination"),
    path("<int:batch_id>/staff/", staff.staff, name="staff"),
    path("<int:batch_id>/staff/accounts/", staff.accounts, name="accounts"),
    path("<int:batch_id>/staff/end/<str:post_kind>/<int:row_id>/", staff.end, name="end_staff"),
    path("<int:batch_id>/adjust/", adjust.adjust, name="adjust"),
    path("<int:batch_id>/adjust/beds/<int:gathering_id>/<int:enrollment_id>/", adjust.place, name="place"),
    path("<int:batch_id>/waivers/", waivers.waivers, name="waivers"),
    path("<int:batch_id>/waivers/<int:waiver_id>/approve/", waivers.approve, name="approve_waiver"),
    path("<int:batch_id>/waivers/<int:waiver_id>/end/", waivers.end, name="end_waiver"),
    path("<int:batch_id>/overview/", overview.overview, name="overview"),
]
