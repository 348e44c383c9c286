"""Who a person is, in words: every role of the world of two is told by the rows that make it."""

import pytest

from accounts.models import User
from accounts.roles import roles_of
from tests.world import OUTSIDER, World

pytestmark = pytest.mark.django_db

WORDS = {
    "system_administrator": "系统管理员",
    "security_administrator": "安全管理员",
    "audit_administrator": "审计管理员",
    "centre": "服务中心工作人员",
    "leader": "县领导",
    "township_liaison": "乡镇联络员（",
    "base_manager": "基地管理员（",
    "unit_liaison": "派出单位联络员（",
    "head_teacher": "班主任（第1期第1班）",
    "counsellor": "辅导员（第1期第1班）",
    "mentor": "导师（帮带1人）",
    "monitor": "班长（第1期第1班）",
    "cadre": "第1期学员",
    "panel_member": "评审团成员（第1期）",
}


def test_every_role_is_told_in_words() -> None:
    world = World()
    told = {role: roles_of(User.objects.get(pk=user.pk)) for role, user in world.users.items()}
    assert told.pop(OUTSIDER) == []
    assert set(told) == set(WORDS)
    assert {role: facts[0][: len(WORDS[role])] for role, facts in told.items()} == WORDS
