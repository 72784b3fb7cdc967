"""Which field of an event a rule's field name means.

Sigma's names and ours are the same: parsers keep what the source calls its own fields under the
names of Sigma's taxonomy (``pipeline.schema.fields``). What remains is spelling: Defender writes
``Threat Name`` where rules say ``ThreatName``, and a raw Security 4688 says NewProcessName where
process_creation rules say Image. The field as the rule spells it always wins.

Case counts, as it does for the reference results that we reproduce: a rule that asks for
``eventtype`` finds no ``eventType``.
"""

from collections.abc import Iterable, Mapping

# The process_creation names that Security 4688 has under others; used where they are absent.
STAND_INS: Mapping[str, str] = {
    "Image": "NewProcessName",
    "ParentImage": "ParentProcessName",
}


class FieldNames:
    """The field names of one event, ready to be asked for by a rule's spelling.

    >>> FieldNames(["EventID", "Threat Name"]).find("ThreatName")
    'Threat Name'
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._exact = frozenset(names)
        self._spaced = {name.replace(" ", ""): name for name in self._exact if " " in name}

    def find(self, wanted: str) -> str | None:
        """The event's name for a rule's field, or None if the event has no such field."""
        if wanted in self._exact:
            return wanted
        if " " in wanted and wanted.replace(" ", "") in self._exact:
            return wanted.replace(" ", "")
        if wanted in self._spaced:
            return self._spaced[wanted]
        stand_in = STAND_INS.get(wanted)
        return stand_in if stand_in in self._exact else None
