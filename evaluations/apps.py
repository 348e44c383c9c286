from django.apps import AppConfig


class EvaluationsConfig(AppConfig):
    name = "evaluations"
    verbose_name = "评审"

    def ready(self) -> None:
        from accounts.roles import register_role_facts
        from evaluations.rules import role_facts

        register_role_facts(role_facts)
