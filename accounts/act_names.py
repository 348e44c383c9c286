"""What the acts of the audit trail are called in Chinese, so that a reader of the trail needs no code.

An act that is missing here is shown by its code; a test compares this table with the acts in the source.
"""

ACT_NAMES = {
    "cancel_job": "停止任务",
    "change_password": "改密码",
    "denied": "被拒绝",
    "disable_account": "停用账号",
    "enable_account": "启用账号",
    "grant_role": "授予角色",
    "issue_accounts": "发放账号",
    "lock_sign_in": "登录锁定",
    "reset_password": "重置密码",
    "reveal": "查看完整个人信息",
    "revoke_role": "撤销角色",
    "seed_calendar": "登记放假安排",
    "sign_in": "登录",
    "sign_out": "退出",
    "unlock_account": "解除登录锁定",
    "verify_audit": "验证审计链",
}
SAVED = "保存"
"""Prefix of what the admin site saves: `save_unit` is shown as 保存 and the model's name."""


def act_name(code: str) -> str:
    """The act in Chinese; plain facts saved in the admin site by the name of their model."""
    return ACT_NAMES.get(code) or (SAVED if code.startswith("save_") else code)


def acts_called(text: str) -> list[str]:
    """Codes of the acts whose name or code holds the text."""
    codes = [code for code, name in ACT_NAMES.items() if text in name]
    return [*codes, text]
