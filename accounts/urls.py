"""Routes of accounts."""

from django.urls import path

from accounts import views

app_name = "accounts"
urlpatterns = [
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("password/", views.change_password, name="change_password"),
    path("me/", views.me, name="me"),
    path("reveal/<str:what>/<int:pk>/", views.reveal_field, name="reveal"),
    path("new/", views.create_accounts, name="create_accounts"),
    path("<int:pk>/", views.account_page, name="account"),
    path("<int:pk>/reset-password/", views.reset_password, name="reset_password"),
    path("<int:pk>/disable/", views.disable_account, name="disable_account"),
    path("<int:pk>/enable/", views.enable_account, name="enable_account"),
    path("<int:pk>/unlock/", views.unlock_account, name="unlock_account"),
    path("grants/<int:pk>/revoke/", views.revoke_role, name="revoke_role"),
    path("audit/", views.audit_trail, name="audit"),
    path("audit/verify/", views.verify_trail, name="verify_audit"),
]
