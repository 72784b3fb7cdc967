"""One module per screen; each has a template of the same name.

``routers`` are for who is signed in, ``open_routers`` for everybody.
"""

from web.pages import (
    admin,
    alerts,
    backtest,
    clicks,
    live,
    login,
    nothing,
    notifications,
    overview,
    pipeline,
    profile,
    rule,
    rules,
    search,
    series,
    topics,
)

open_routers = (login.router,)
routers = (
    overview.router,
    alerts.router,
    search.router,
    live.router,
    rules.router,
    rule.router,
    backtest.router,
    topics.router,
    pipeline.router,
    series.router,
    clicks.router,
    notifications.router,
    admin.router,
    profile.router,
    nothing.router,
)
