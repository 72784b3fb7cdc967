"""What stands in the navigation: every screen, its icon and its key after ``g``."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """A screen: its path, what it is called, its icon and its key."""

    path: str
    text: str
    icon: str
    key: str
    minor: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Screens that belong together."""

    text: str
    items: tuple[Item, ...]


NAVIGATION = (
    Group(
        "Investigate",
        (
            Item("/", "Overview", "activity", "o"),
            Item("/alerts", "Alerts", "bell", "a"),
            Item("/search", "Search", "search", "s"),
            Item("/live", "Live tail", "radio", "l", minor=True),
        ),
    ),
    Group("Detect", (Item("/rules", "Detections", "crosshair", "d"),)),
    Group(
        "Data",
        (
            Item("/topics", "Topics", "layers", "t", minor=True),
            Item("/pipeline", "Pipeline", "waypoints", "p", minor=True),
            Item("/series", "Metrics", "chart-line", "m", minor=True),
            Item("/clicks", "Clicks", "mouse-pointer-click", "k", minor=True),
        ),
    ),
    Group(
        "Manage",
        (
            Item("/notifications", "Notifications", "send", "n", minor=True),
            Item("/admin", "Administration", "sliders-horizontal", "x", minor=True),
        ),
    ),
)


def is_current(item: Item, path: str) -> bool:
    """Whether a path belongs to a screen; an event is part of the search."""
    if item.path == "/":
        return path == "/"
    if item.path == "/search" and path.startswith("/events/"):
        return True
    return path == item.path or path.startswith(f"{item.path}/")
