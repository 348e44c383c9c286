from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "账号与审计"

    def ready(self) -> None:
        from accounts.grants import grant_web_role
        from accounts.reveal import register_own

        post_migrate.connect(grant_web_role, dispatch_uid="grant_web_role")
        register_own()
