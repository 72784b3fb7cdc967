"""The pipeline's blocks as they change; what reads much is read again only every ten seconds."""

from collections.abc import Callable
from time import monotonic

from fastapi import APIRouter, Request
from fastapi.responses import Response

from pipeline.store.queries.span import Span
from web.dependencies import Console, ConsoleDep, Viewer
from web.operations.flow import Losses, losses
from web.operations.overview import DAY
from web.rendering import block
from web.rendering.pipeline import pipeline_values
from web.streams.channel import Messages
from web.streams.connections import channel, stream
from web.streams.navigation import navigation_messages

router = APIRouter(prefix="/streams")

BLOCKS = ("clock", "stations", "ledger", "each_role", "parked", "unparsed")
LOSSES_AGE_SECONDS = 10.0


@router.get("/pipeline")
async def live(request: Request, console: ConsoleDep, user: Viewer) -> Response:
    """One message for each block that changed."""
    return await stream(request, console, channel(request, console, "pipeline", Blocks(console)))


class Blocks:
    """Makes the blocks of one round. For the loop.

    Attributes:
        losses: What was read of them last; None before the first round.
    """

    def __init__(self, console: Console, *, clock: Callable[[], float] = monotonic) -> None:
        self._console = console
        self._clock = clock
        self.losses: Losses | None = None
        self._read = 0.0

    async def __call__(self) -> Messages:
        """Every block, and the navigation."""
        console = self._console
        values = await pipeline_values(
            await self._recent_losses(),
            settings=console.settings,
            store=console.store,
            log=console.log_watch,
            accountant=console.accountant,
            database=console.database,
            watch=console.watch,
        )
        made = {name: block("pipeline", name, values) for name in BLOCKS}
        return {**made, **navigation_messages(console.watch.standing)}

    async def _recent_losses(self) -> Losses:
        begun = self._clock()
        if self.losses is None or begun - self._read > LOSSES_AGE_SECONDS:
            now = self._console.database.now()
            self.losses = await losses(self._console.store, Span(now - DAY, now))
            self._read = begun
        return self.losses
