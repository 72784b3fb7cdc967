"""LogSource: the Sigma log source that a parser's events belong to, declared as data.

Rules are routed by it (Sigma specification 2.1, "Log source"). Every parser module has one at
its top and lays it into the fields of each event it understands.
"""

from dataclasses import dataclass, field

from pipeline.schema.event import Value
from pipeline.schema.fields import LOGSOURCE_CATEGORY, LOGSOURCE_PRODUCT, LOGSOURCE_SERVICE


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSource:
    """A product, a category and services; what is empty is absent from events.

    Attributes:
        product: Sigma product, for example ``linux``.
        category: Sigma category, for example ``webserver``.
        services: Sigma services; an event may belong to several.
        fields: The same as event fields. Shared by all events: update from it, don't change it.
    """

    product: str = ""
    category: str = ""
    services: tuple[str, ...] = ()
    fields: dict[str, Value] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fields: dict[str, Value] = {}
        if self.product:
            fields[LOGSOURCE_PRODUCT] = self.product
        if self.category:
            fields[LOGSOURCE_CATEGORY] = self.category
        if self.services:
            fields[LOGSOURCE_SERVICE] = list(self.services)
        object.__setattr__(self, "fields", fields)
