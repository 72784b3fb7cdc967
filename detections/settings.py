"""What can be configured about the detectors."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field, PositiveInt

from pipeline.settings import Section


class DetectionSettings(Section):
    """Which rules are evaluated, and how much may be remembered for them."""

    shipped_rules: bool = Field(
        default=True, description="Evaluate the rules that come with Tocsin."
    )
    rule_directories: tuple[Path, ...] = Field(
        default=(),
        description="Directories of Sigma rules; a rule in a later one replaces its namesake.",
    )
    placeholders: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Values of rules' %placeholders%, each a list; * and ? are wildcards.",
    )
    placeholder_files: tuple[Path, ...] = Field(
        default=(), description="YAML files of more: a name, and a value or a list of values."
    )
    pipelines: tuple[str, ...] = Field(
        default=(),
        description="pySigma processing pipelines that change rules: files, directories, or names"
        " of installed ones.",
    )
    cache_directory: Path | None = Field(
        default=None, description="Where compiled rules are kept between starts; None: nowhere."
    )
    max_rule_file_bytes: PositiveInt = Field(
        default=1 << 20, description="Larger rule files are named and not read."
    )
    memo_bytes: PositiveInt = Field(
        default=96 << 20, description="How much the engine may remember of values seen, about."
    )
    batch_events: PositiveInt = Field(
        default=2_000, description="Events read at a time; their alerts are written together."
    )
    max_correlation_groups: PositiveInt = Field(
        default=100_000, description="Groups followed by all correlations; older ones give way."
    )
    max_correlation_events: PositiveInt = Field(
        default=200_000, description="Events remembered for all groups; older groups give way."
    )
    max_correlation_rule_groups: PositiveInt = Field(
        default=50_000, description="Groups followed by one correlation."
    )
    max_correlation_rule_events: PositiveInt = Field(
        default=100_000, description="Events remembered for the groups of one correlation."
    )
    correlation_lateness: timedelta = Field(
        default=timedelta(seconds=10),
        ge=timedelta(0),
        description="How long after its receipt an event waits for others that were delayed on "
        "their way; correlations fire so much later.",
    )
