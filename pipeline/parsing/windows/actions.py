"""What a Windows security event says was done, by whom and with which outcome, in ECS names.

In a logon ``TargetUserName`` is the account that acts; in account management it is the account
(or group) acted upon and ``SubjectUserName`` acts.
"""

from dataclasses import dataclass

from pipeline.schema.event import Value


@dataclass(frozen=True, slots=True)
class Action:
    """What an event id of the Security or System channel stands for.

    Attributes:
        name: ``event.action``.
        outcome: ``event.outcome``, empty where the id does not tell.
        actor: The field with the account that acted, empty where none is told.
        target: The field with the account acted upon, if any.
        group: The field with the group acted upon, if any.
    """

    name: str
    outcome: str = "success"
    actor: str = "SubjectUserName"
    target: str = ""
    group: str = ""


_SECURITY = {
    1102: Action("log_cleared"),
    4616: Action("system_time_changed"),
    4624: Action("logon", actor="TargetUserName"),
    4625: Action("logon", "failure", actor="TargetUserName"),
    4634: Action("logoff", actor="TargetUserName"),
    4647: Action("logoff", actor="TargetUserName"),
    4648: Action("logon_with_explicit_credentials", target="TargetUserName"),
    4672: Action("special_privileges_assigned"),
    4688: Action("process_created"),
    4697: Action("service_installed"),
    4698: Action("scheduled_task_created"),
    4719: Action("audit_policy_changed"),
    4720: Action("user_added", target="TargetUserName"),
    4722: Action("user_enabled", target="TargetUserName"),
    4724: Action("password_reset", target="TargetUserName"),
    4725: Action("user_disabled", target="TargetUserName"),
    4726: Action("user_deleted", target="TargetUserName"),
    4728: Action("group_member_added", target="MemberName", group="TargetUserName"),
    4732: Action("group_member_added", target="MemberName", group="TargetUserName"),
    4756: Action("group_member_added", target="MemberName", group="TargetUserName"),
    4740: Action("user_locked_out", target="TargetUserName"),
    4768: Action("kerberos_ticket_requested", "", actor="TargetUserName"),
    4769: Action("kerberos_service_ticket_requested", "", actor="TargetUserName"),
    4771: Action("kerberos_preauthentication", "failure", actor="TargetUserName"),
    4776: Action("credentials_validated", "", actor="TargetUserName"),
}
_SYSTEM = {
    104: Action("log_cleared"),
    7045: Action("service_installed", actor=""),
}
_ACTIONS = {"Security": _SECURITY, "System": _SYSTEM}
_MAPPED_IPV4 = "::ffff:"


def add_action(channel: str, event_id: int, fields: dict[str, Value]) -> None:
    """Add ``event.action``, ``event.outcome`` and the ECS names of the accounts."""
    actions = _ACTIONS.get(channel)
    action = actions.get(event_id) if actions is not None else None
    if action is None:
        return
    fields["event.action"] = action.name
    if action.outcome:
        fields["event.outcome"] = action.outcome
    for name, field in (
        ("user.name", action.actor),
        ("user.target.name", action.target),
        ("group.name", action.group),
    ):
        value = fields.get(field)
        if value is not None and value not in ("", "-"):
            fields[name] = value
    address = fields.get("IpAddress")
    if isinstance(address, str) and address.startswith(_MAPPED_IPV4):
        fields["source.ip"] = address[len(_MAPPED_IPV4) :]
