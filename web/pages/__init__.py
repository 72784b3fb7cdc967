"""One module per screen; each has a template of the same name.

``routers`` are for who is signed in, ``open_routers`` for everybody.
"""

from web.pages import login, nothing, overview, profile

open_routers = (login.router,)
routers = (overview.router, profile.router, nothing.router)
