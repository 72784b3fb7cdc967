"""What every live page sends again of its navigation: the open alerts, and the roles."""

from web.operations.standing import Standing
from web.rendering.page import environment
from web.streams.channel import Messages


def navigation_messages(standing: Standing) -> Messages:
    """``open_alerts``: how many alerts wait; ``roles``: how the roles are."""
    ui = environment.get_template("macros/ui.html").module
    return {"open_alerts": str(ui.open_count(standing)), "roles": str(ui.roles(standing))}  # type: ignore[attr-defined]
