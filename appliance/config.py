"""The whole configuration: every package's settings in one TOML file plus environment.

A value is taken from, first to last: the command line, the environment
(``TOCSIN_PIPELINE__STORE__URL``), the file named by ``--config``, the default. Unknown keys are
errors. ``deploy/tocsin.toml`` shows every value with its description.
"""

import os
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from appliance.ports import METRICS_PORTS, SUPERVISOR_PORT
from broker_core.settings import BrokerSettings
from detections.settings import DetectionSettings
from pipeline.settings import BusSettings, PipelineSettings
from web.settings import WebSettings


class ConfigurationInvalid(Exception):
    """The configuration cannot be read; the message names the key and what would be right."""


class Configuration(BaseSettings):
    """Everything that can be told to Tocsin."""

    model_config = SettingsConfigDict(
        env_prefix="TOCSIN_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )
    toml_path: ClassVar[Path | None] = None

    data_dir: Path = Field(
        default=Path("data"), description="Where log, store, accounts and secrets lie."
    )
    port_offset: int = Field(
        default=0, ge=0, le=50_000, description="Added to every port, for a second instance."
    )
    logs: Literal["files", "stdout"] = Field(
        default="files", description="Where roles write their log lines: data_dir/logs or stdout."
    )
    metrics_host: str = Field(
        default="127.0.0.1", description="Address of every role's /metrics and /healthz."
    )
    broker: BrokerSettings = BrokerSettings()
    pipeline: PipelineSettings = PipelineSettings()
    detections: DetectionSettings = DetectionSettings()
    web: WebSettings = WebSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line, environment, file: in that order and nothing else."""
        file = TomlConfigSettingsSource(settings_cls, toml_file=cls.toml_path)
        return init_settings, env_settings, file

    def metrics_port(self, process: str) -> int:
        """The port of a process's ``/metrics`` and ``/healthz``."""
        return METRICS_PORTS[process] + self.port_offset

    @property
    def own_bus_url(self) -> str:
        """Where our own broker answers; of several nodes, all of them."""
        return "kafka://" + ",".join(self._own_servers)

    @property
    def _own_servers(self) -> list[str]:
        broker = self.broker
        numbers = range(broker.port, broker.port + broker.nodes) if broker.port else [0]
        return [f"127.0.0.1:{number}" for number in numbers]

    @property
    def own_store_url(self) -> str:
        """Where the embedded store answers."""
        return f"http://127.0.0.1:{self.pipeline.embedded_store.port}"

    @property
    def replaced_roles(self) -> frozenset[str]:
        """Roles that nobody needs here, because another cluster or server does their work."""
        pipeline = self.pipeline
        replaced = {
            "broker": not self._is_own_bus(pipeline.bus.url),
            "store": pipeline.store.url != self.own_store_url,
        }
        return frozenset(role for role, is_replaced in replaced.items() if is_replaced)

    def _is_own_bus(self, url: str) -> bool:
        """Whether a URL names our own nodes, or some of them, and nobody else."""
        scheme, _, servers = url.partition("://")
        return scheme == "kafka" and set(servers.split(",")) <= set(self._own_servers)

    @property
    def supervisor_url(self) -> str:
        """Where the supervisor tells the state of every role."""
        return f"http://{self.metrics_host}:{SUPERVISOR_PORT + self.port_offset}/healthz"


def load_configuration(
    file: Path | None, *, data_dir: Path | None = None, port_offset: int | None = None
) -> Configuration:
    """Read the configuration and shift its ports.

    Args:
        file: The TOML file; None for defaults and environment alone.
        data_dir: Overrides the data directory; relative paths are made absolute.
        port_offset: Overrides the port offset.

    Raises:
        ConfigurationInvalid: The file is missing or not TOML, or a value is not allowed.
    """
    if file is not None and not file.is_file():
        raise ConfigurationInvalid(f"The configuration file {file} does not exist.")
    given: dict[str, Any] = {}
    if data_dir is not None:
        given["data_dir"] = data_dir
    if port_offset is not None:
        given["port_offset"] = port_offset
    source = type("FileConfiguration", (Configuration,), {"toml_path": file})
    try:
        configuration: Configuration = source(**given)
    except ValidationError as error:
        raise ConfigurationInvalid(_explain(error, file)) from error
    except ValueError as error:
        raise ConfigurationInvalid(f"{file} cannot be read: {error}") from error
    root = Path(os.environ.get("TOCSIN_ROOT", "."))
    home = configuration.data_dir
    absolute = home if home.is_absolute() or data_dir is not None else root / home
    return _placed(_shifted(configuration), absolute.resolve())


def _placed(found: Configuration, data_dir: Path) -> Configuration:
    """The configuration with what lies in the data directory, and what follows from the ports."""
    update: dict[str, Any] = {}
    if "database_url" not in found.web.model_fields_set:
        update["database_url"] = f"sqlite:///{data_dir / 'console.sqlite3'}"
    if "status_url" not in found.web.model_fields_set:
        update["status_url"] = found.supervisor_url
    web = found.web.model_copy(update=update)
    return found.model_copy(update={"data_dir": data_dir, "web": web})


def _shifted(found: Configuration) -> Configuration:
    """The configuration with the port offset applied to listeners and to our own default URLs."""
    offset = found.port_offset
    pipeline = found.pipeline

    def moved(section: Any, *names: str) -> Any:
        return section.model_copy(
            update={
                name: getattr(section, name) + offset for name in names if getattr(section, name)
            }
        )

    shifted = found.model_copy(
        update={
            "broker": moved(found.broker, "port", "controller_port").model_copy(
                update={"tls": moved(found.broker.tls, "port")}
            ),
            "web": moved(found.web, "port"),
            "pipeline": pipeline.model_copy(
                update={
                    "embedded_store": moved(pipeline.embedded_store, "port"),
                    "syslog": moved(pipeline.syslog, "port", "tls_port"),
                    "http": moved(pipeline.http, "port"),
                }
            ),
        }
    )
    bus, store = pipeline.bus, pipeline.store
    if "url" not in bus.model_fields_set:
        bus = bus.model_copy(update={"url": shifted.own_bus_url})
    if shifted._is_own_bus(bus.url):
        bus = bus.model_copy(update=_copies(found.broker.nodes, bus))
    if "url" not in store.model_fields_set:
        store = store.model_copy(update={"url": shifted.own_store_url})
    moved_pipeline = shifted.pipeline.model_copy(update={"bus": bus, "store": store})
    return shifted.model_copy(update={"pipeline": moved_pipeline})


def _copies(nodes: int, bus: BusSettings) -> dict[str, int]:
    """How many copies our own nodes keep of our topics, where the file does not say.

    Every node has one, and one that is away keeps nobody from writing.
    """
    if nodes == 1:
        return {}
    wanted = {"replication_factor": nodes, "min_insync_replicas": nodes // 2 + 1}
    return {name: count for name, count in wanted.items() if getattr(bus, name) is None}


def _explain(error: ValidationError, file: Path | None) -> str:
    """One line for every value that is wrong, with the key as the file or environment has it."""
    where = f" in {file}" if file is not None else ""
    lines = [f"The configuration{where} is not valid:"]
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        lines.append(f"  {key}: {problem['msg']}")
    return "\n".join(lines)
