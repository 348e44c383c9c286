"""Who a person is, in words: county-wide roles and what the rows of the domain say.

Higher layers tell what their rows mean in their AppConfig.ready: `register_role_facts(lambda user: ["班长（第3期第5班）"])`.
"""

from collections.abc import Callable

from accounts.models import Role, User

Facts = Callable[[User], list[str]]
_facts: list[Facts] = []


def register_role_facts(facts: Facts) -> None:
    """`facts(user)` gives what the user is today, in Chinese, by rows of that layer."""
    if facts not in _facts:
        _facts.append(facts)


def roles_of(user: User) -> list[str]:
    """Everything the person is today: county-wide roles first, then facts from the lowest layer up."""
    county = [role.label for role in Role if role.value in user.county_roles]
    return county + [text for facts in _facts for text in facts(user)]
