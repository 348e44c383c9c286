from django.apps import AppConfig


class BatchesConfig(AppConfig):
    name = "batches"
    verbose_name = "期班"

    def ready(self) -> None:
        from accounts.roles import register_role_facts
        from batches.rules import role_facts

        register_role_facts(role_facts)
