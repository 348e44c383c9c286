"""Routes of bases."""

from django.urls import path

from bases import views

app_name = "bases"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("<int:base_id>/", views.base_page, name="base"),
    path("<int:base_id>/close/", views.close, name="close"),
    path("<int:base_id>/outside-use/", views.enter_outside_use, name="enter_outside_use"),
    path("<int:base_id>/retire/", views.retire, name="retire"),
    path("<int:base_id>/restore/", views.restore, name="restore"),
    path("closures/<int:closure_id>/reopen/", views.reopen, name="reopen"),
    path("uses/<int:use_id>/cancel/", views.cancel_use, name="cancel_use"),
    path("households/", views.households, name="households"),
    path("households/<int:household_id>/", views.household_page, name="household"),
    path("households/<int:household_id>/<slug:household_act>/", views.household_act, name="household_act"),
    path("rates/", views.rates, name="rates"),
    path("rates/new/", views.set_rate, name="set_rate"),
    path("rates/<int:rate_id>/confirm/", views.confirm_rate, name="confirm_rate"),
    path("rates/<int:rate_id>/unconfirm/", views.unconfirm_rate, name="unconfirm_rate"),
    path("import/", views.import_page, name="import"),
    path("import/template/", views.import_template, name="import_template"),
]
