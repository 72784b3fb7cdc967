"""Who an API token belongs to, as collectors and the console need it.

Tokens are random 256-bit values of which ``control`` carries only the SHA-256 digest.
"""

import asyncio
from hashlib import sha256
from hmac import compare_digest

from pipeline.bus.control import ControlFollower
from pipeline.schema.control import TokenGrant

CATCH_UP_SECONDS = 2.0
CATCH_UP_EVERY_SECONDS = 0.5
MAX_TOKEN_CHARACTERS = 512


class Tokens:
    """Roles by token, over a started follower. For the loop.

    Args:
        follower: Knows the decisions.
        catch_up_every_seconds: Shortest time between two looks for a token not yet known;
            however many unknown tokens are shown, they share one look.
    """

    def __init__(
        self,
        follower: ControlFollower,
        *,
        catch_up_every_seconds: float = CATCH_UP_EVERY_SECONDS,
    ) -> None:
        self._follower = follower
        self._every_seconds = catch_up_every_seconds
        self._planned: asyncio.Task[None] | None = None
        self._not_before = 0.0

    async def role_of(self, token: str) -> str | None:
        """The role of a token: viewer, analyst, engineer, administrator or ingest.

        A token that is not known is looked for once more after catching up with ``control``,
        so that one made a moment ago works at once; that takes up to two and a half seconds.

        Returns:
            The role; None for a token that was never given or is revoked.
        """
        grant = await self.grant_of(token)
        return None if grant is None else grant.role

    async def grant_of(self, token: str) -> TokenGrant | None:
        """The grant of a token, as ``role_of`` finds it; None as there."""
        if not token or len(token) > MAX_TOKEN_CHARACTERS:
            return None
        digest = sha256(token.encode(errors="replace")).hexdigest()
        grant = self._grant(digest)
        if grant is None:
            await self._catch_up()
            grant = self._grant(digest)
        return None if grant is None or grant.revoked else grant

    def _grant(self, digest: str) -> TokenGrant | None:
        """Compare with every grant, in a time that tells nothing about where they differ."""
        found = None
        for decision in self._follower.decisions.values():
            if isinstance(decision, TokenGrant) and compare_digest(
                decision.digest.encode(), digest.encode()
            ):
                found = decision
        return found

    async def _catch_up(self) -> None:
        """Join the look that is planned but not begun, or plan one."""
        if self._planned is None:
            self._planned = asyncio.create_task(self._look(), name="tokens-catch-up")
        await asyncio.shield(self._planned)

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._not_before - loop.time()))
        self._not_before = loop.time() + self._every_seconds
        self._planned = None  # who comes from here on may hold a token made after this look
        await self._follower.catch_up(CATCH_UP_SECONDS)
