"""What the acts of the audit trail are called in Chinese, so that a reader of the trail needs no code.

An act that is missing here is shown by its code; a test compares this table with the acts in the source.
"""

ACT_NAMES = {
    "accept_paper": "审核通过",
    "admit_household": "纳管农户",
    "apply_household": "登记农户申请",
    "archive_paper": "归档纪实或心得",
    "archive_papers": "归档全班材料",
    "attach_photo": "附照片",
    "cancel_job": "停止任务",
    "cancel_notice": "撤下农户公示",
    "change_password": "改密码",
    "change_reservation": "改基地安排",
    "choose_units": "处理未登记单位",
    "close_place": "登记停接",
    "commit_import": "写入名册",
    "confirm_gathering": "确认集中",
    "confirm_rate": "确认食宿标准",
    "correct_presence": "更正在村天数",
    "decide_leave": "审批请假",
    "denied": "被拒绝",
    "disable_account": "停用账号",
    "discard_import": "放弃导入",
    "download_refused": "下载问题表",
    "enable_account": "启用账号",
    "enter_absence": "登记缺勤",
    "enter_unavailability": "登记不可用时间",
    "export_cadres": "导出干部名册",
    "grant_role": "授予角色",
    "hold_gathering": "登记到村",
    "import_bases": "导入基地和农户",
    "issue_accounts": "发放账号",
    "join_makeup": "安排补课",
    "lock_sign_in": "登录锁定",
    "make_demonstration_bases": "生成演示基地",
    "make_demonstration_people": "生成演示干部",
    "open_notice": "农户公示",
    "raise_objection": "登记农户异议",
    "read_import": "核对名册",
    "read_import_again": "重新核对名册",
    "reapply_household": "农户重新申请",
    "reject_household": "农户不予纳入",
    "release_base": "让出基地",
    "remove_photo": "取下照片",
    "reopen_place": "恢复接待",
    "reserve_base": "占用基地",
    "reset_password": "重置密码",
    "restore_base": "恢复基地",
    "restore_paper": "恢复为草稿",
    "resume_household": "农户恢复接待",
    "retire_base": "停办基地",
    "return_paper": "退回材料",
    "reveal": "查看完整个人信息",
    "revert_import": "撤回导入",
    "review_household": "登记村党组织研判",
    "revoke_role": "撤销角色",
    "save_draft": "存纪实或心得",
    "seed_calendar": "登记放假安排",
    "set_beds": "改房间床位",
    "set_rate": "填食宿标准",
    "settle_objection": "了结农户异议",
    "sign_in": "登录",
    "sign_out": "退出",
    "submit_paper": "报送",
    "suspend_household": "农户暂停接待",
    "take_back_holding": "撤回到村登记",
    "unarchive_paper": "取消归档",
    "unarchive_papers": "取消归档全班材料",
    "unconfirm_rate": "撤回食宿标准确认",
    "unlock_account": "解除登录锁定",
    "upload_list": "上传名册",
    "verify_audit": "验证审计链",
    "void_absence": "作废缺勤登记",
    "void_makeup": "撤回补课",
    "void_paper": "作废材料",
    "void_unavailability": "作废不可用时间",
    "withdraw_household": "农户退出",
    "withdraw_paper": "撤回报送",
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
