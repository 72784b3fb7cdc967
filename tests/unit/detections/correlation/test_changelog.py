from detections.correlation.changelog import Changelog, StateRecord
from detections.correlation.correlator import Correlator
from detections.correlation.limits import Limits
from detections.correlation.links import Links
from tests.support.correlations import correlation, hit

OF = correlation()


class Kept:
    """A correlator whose changes are written down."""

    def __init__(self, **limits: int) -> None:
        self.correlator = Correlator(Links([OF]), Limits(**limits), keeps_changes=True)
        self.changelog = Changelog()
        self.records: list[StateRecord] = []

    def write(self) -> list[StateRecord]:
        """What has to be written for the changes since the last time."""
        fresh = list(self.changelog.records(self.correlator.changes()))
        self.records += fresh
        return fresh

    def restored(self) -> Correlator:
        """A correlator of what was written."""
        found = Correlator(Links([OF]), Limits())
        windows = tuple(Changelog().restore(self.records))
        found.restore(self.correlator.state().__class__(windows=windows))
        return found


def test_a_hit_is_written_once_and_its_group_comes_back() -> None:
    kept = Kept()
    sizes = []
    for at in range(0, 50, 10):
        kept.correlator.observe(hit(OF, at))
        kept.correlator.advance(0, at * 1_000_000)
        sizes.append(sum(len(record.value or b"") for record in kept.write()))

    assert max(sizes) < 2 * min(sizes)
    assert kept.restored().state() == kept.correlator.state()


def test_nothing_is_left_of_a_group_that_is_over() -> None:
    kept = Kept()
    kept.correlator.observe(hit(OF, 0))
    kept.write()
    kept.correlator.advance(0, 60_000_000)
    kept.write()

    assert {record.key for record in kept.records if record.value is None} == {
        record.key for record in kept.records
    }
    assert list(kept.changelog.groups) == []


def test_hits_that_left_the_window_leave_the_changelog() -> None:
    kept = Kept()
    for at in range(0, 600, 20):
        kept.correlator.observe(hit(OF, at))
        kept.correlator.advance(0, at * 1_000_000)
        kept.write()

    newest = dict(kept.records)
    assert sum(value is not None for value in newest.values()) <= 6
    assert kept.restored().state() == kept.correlator.state()


def test_what_another_version_wrote_is_left_out_and_counted() -> None:
    kept = Kept()
    kept.correlator.observe(hit(OF, 0))
    kept.write()
    changelog = Changelog()

    whole = changelog.restore(
        [*kept.records, StateRecord(b"?", b"{}"), StateRecord(kept.records[0].key, b"{}")]
    )

    assert changelog.unreadable == 2
    assert [window.waiting for window in whole] == [()]


def test_a_group_that_gave_way_and_came_again_has_nothing_of_before() -> None:
    kept = Kept(groups=1)
    for user in ("a", "b", "a"):
        kept.correlator.observe(hit(OF, 1, user=user, number=ord(user)))
    kept.correlator.observe(hit(OF, 2))
    kept.write()

    assert kept.restored().state() == kept.correlator.state()
    assert kept.restored().hits == 2
