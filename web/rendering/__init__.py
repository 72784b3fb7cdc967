"""Templates to HTML: whole pages, or for htmx only the block it asked for."""

from web.rendering.page import block, page

__all__ = ["block", "page"]
