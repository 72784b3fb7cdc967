"""Which Sigma log sources an event belongs to, and which rules are meant for it.

A rule names a product, a category and a service, or leaves some out; an event may belong to
several categories and services at once (Sysmon 12 is registry_event and registry_add). A parser
says so in ``logsource.*``; Windows events say it by Channel and EventID, for which the table is
here (facts of Windows and of Sigma's taxonomy, appendix "Taxonomy").
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from detections.errors import LogSourceInvalid
from pipeline.schema.event import Value
from pipeline.schema.fields import LOGSOURCE_CATEGORY, LOGSOURCE_PRODUCT, LOGSOURCE_SERVICE

KEYS = ("product", "category", "service")

# Channel (lower-case, "microsoft-windows-" cut off) to Sigma services.
_SERVICES: Mapping[str, tuple[str, ...]] = {
    channel: tuple(services.split())
    for channel, services in (
        ("application", "application"),
        ("application-experience/program-compatibility-assistant", "application-experience"),
        ("application-experience/program-telemetry", "application-experience"),
        ("applocker/exe and dll", "applocker"),
        ("applocker/msi and script", "applocker"),
        ("applocker/packaged app-deployment", "applocker"),
        ("applocker/packaged app-execution", "applocker"),
        ("appmodel-runtime/admin", "appmodel-runtime"),
        ("appxdeploymentserver/operational", "appxdeployment-server"),
        ("appxpackaging/operational", "appxpackaging-om"),
        ("bitlocker/bitlocker management", "bitlocker"),
        ("bits-client/operational", "bits-client"),
        ("capi2/operational", "capi2"),
        (
            "certificateservicesclient-lifecycle-system/operational",
            "certificateservicesclient-lifecycle-system",
        ),
        ("codeintegrity/operational", "codeintegrity-operational"),
        ("dhcp-server/operational", "dhcp"),
        ("diagnosis-scripted/operational", "diagnosis-scripted"),
        ("dns client events/operational", "dns-client"),
        ("dns server", "dns-server"),
        ("dns-server/analytical", "dns-server-analytic"),
        ("dns-server/audit", "dns-server-audit"),
        ("driverframeworks-usermode/operational", "driver-framework"),
        ("hyper-v-worker", "hyper-v-worker"),
        ("kernel-eventtracing", "kernel-event-tracing"),
        ("kernel-shimengine/diagnostic", "kernel-shimengine"),
        ("kernel-shimengine/operational", "kernel-shimengine"),
        ("ldap-client/debug", "ldap ldap_debug"),
        ("lsa/operational", "lsa-server"),
        ("microsoft-iis-configuration/operational", "iis-configuration"),
        ("microsoft-servicebus-client", "microsoft-servicebus-client"),
        ("microsoft-servicebus-client/admin", "servicebus-client"),
        ("microsoft-servicebus-client/operational", "servicebus-client"),
        ("msexchange management", "msexchange-management"),
        ("ntfs/operational", "ntfs"),
        ("ntlm/operational", "ntlm"),
        ("openssh/operational", "openssh"),
        ("powershell/operational", "powershell"),
        ("powershellcore/operational", "powershell"),
        ("printservice/admin", "printservice-admin"),
        ("printservice/operational", "printservice-operational"),
        ("security", "security"),
        ("security-mitigations/kernel mode", "security-mitigations"),
        ("security-mitigations/user mode", "security-mitigations"),
        ("sense/operational", "sense"),
        ("shell-core/operational", "shell-core"),
        ("smbclient/connectivity", "smbclient-connectivity"),
        ("smbclient/security", "smbclient-security"),
        ("smbserver/connectivity", "smbserver-connectivity"),
        ("sysmon/operational", "sysmon"),
        ("system", "system"),
        ("taskscheduler/operational", "taskscheduler"),
        (
            "terminalservices-localsessionmanager/operational",
            "terminalservices-localsessionmanager",
        ),
        ("vhdmp/operational", "vhdmp"),
        ("windows defender/operational", "windefend"),
        ("windows firewall with advanced security/firewall", "firewall-as"),
        ("windows powershell", "powershell-classic"),
        ("wmi-activity/operational", "wmi"),
    )
}
_PREFIX = "microsoft-windows-"
# Channels whose full name has no prefix, so that "Microsoft-Windows-Security" is not "Security".
_UNPREFIXED = frozenset(
    {
        "application",
        "dns server",
        "microsoft-iis-configuration/operational",
        "microsoft-servicebus-client",
        "microsoft-servicebus-client/admin",
        "microsoft-servicebus-client/operational",
        "msexchange management",
        "openssh/operational",
        "powershellcore/operational",
        "security",
        "system",
        "windows powershell",
    }
)

_ANTIVIRUS = (1006, 1007, 1008, 1009, 1010, 1011, 1012, 1017, 1018, 1019, 1115, 1116)
# (service, EventID) to Sigma categories.
_CATEGORIES: Mapping[tuple[str, str], tuple[str, ...]] = {
    (service, str(number)): tuple(categories.split())
    for service, number, categories in (
        ("powershell", 4103, "ps_module"),
        ("powershell", 4104, "ps_script"),
        ("powershell-classic", 400, "ps_classic_start"),
        ("powershell-classic", 600, "ps_classic_provider_start"),
        ("powershell-classic", 800, "ps_classic_script"),
        ("security", 4688, "process_creation"),
        ("sysmon", 1, "process_creation"),
        ("sysmon", 2, "file_change"),
        ("sysmon", 3, "network_connection"),
        ("sysmon", 4, "sysmon_status"),
        ("sysmon", 5, "process_termination"),
        ("sysmon", 6, "driver_load"),
        ("sysmon", 7, "image_load"),
        ("sysmon", 8, "create_remote_thread"),
        ("sysmon", 9, "raw_access_thread"),
        ("sysmon", 10, "process_access"),
        ("sysmon", 11, "file_event"),
        ("sysmon", 12, "registry_event"),
        ("sysmon", 13, "registry_event registry_set"),
        ("sysmon", 14, "registry_event registry_rename"),
        ("sysmon", 15, "create_stream_hash"),
        ("sysmon", 16, "sysmon_status"),
        ("sysmon", 17, "pipe_created"),
        ("sysmon", 18, "pipe_created"),
        ("sysmon", 19, "wmi_event"),
        ("sysmon", 20, "wmi_event"),
        ("sysmon", 21, "wmi_event"),
        ("sysmon", 22, "dns_query"),
        ("sysmon", 23, "file_delete"),
        ("sysmon", 24, "clipboard_change"),
        ("sysmon", 25, "process_tampering"),
        ("sysmon", 26, "file_delete_detected"),
        ("sysmon", 27, "file_block_executable"),
        ("sysmon", 28, "file_block_shredding"),
        ("sysmon", 29, "file_executable_detected"),
        ("sysmon", 255, "sysmon_error"),
        *(("windefend", number, "antivirus") for number in _ANTIVIRUS),
    )
}
# Sysmon 12 tells keys made from keys and values removed by its EventType.
_REGISTRY_NUMBER = "12"
_REGISTRY_TYPES = {
    "createkey": "registry_add",
    "deletekey": "registry_delete",
    "deletevalue": "registry_delete",
}


class LogSource(msgspec.Struct, frozen=True):
    """What a rule is meant for (specification, "Log source"); None leaves it open."""

    product: str | None = None
    category: str | None = None
    service: str | None = None

    def covers(self, other: "LogSource") -> bool:
        """Whether the other log source is this one or a part of it.

        >>> LogSource("linux").covers(LogSource("linux", "process_creation"))
        True
        """
        return (
            self.product in (None, other.product)
            and self.category in (None, other.category)
            and self.service in (None, other.service)
        )

    def in_words(self) -> str:
        """For messages.

        >>> LogSource("linux", None, "sshd").in_words()
        'linux/*/sshd'
        """
        return "/".join(part or "*" for part in (self.product, self.category, self.service))


class EventSources(msgspec.Struct, frozen=True):
    """What an event belongs to; empty where nothing is known."""

    products: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()

    def admits(self, rule: LogSource) -> bool:
        """Whether a rule for that log source is meant for the event.

        >>> linux = EventSources(frozenset({"linux"}))
        >>> linux.admits(LogSource("linux")), linux.admits(LogSource("linux", "process_creation"))
        (True, False)
        """
        return (
            (rule.product is None or rule.product in self.products)
            and (rule.category is None or rule.category in self.categories)
            and (rule.service is None or rule.service in self.services)
        )


class WindowsPlace(msgspec.Struct, frozen=True):
    """Where Windows writes events of a category or a service.

    Attributes:
        channels: Event log channels, lower-case, in full.
        numbers: EventIDs; empty: any.
        event_types: Values of EventType, lower-case; empty: any.
    """

    channels: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    event_types: tuple[str, ...] = ()


class WindowsPlaces(msgspec.Struct, frozen=True):
    """The places of a log source's category and of its service; empty where it names none."""

    category: tuple[WindowsPlace, ...] = ()
    service: tuple[WindowsPlace, ...] = ()


def windows_places(wanted: LogSource) -> WindowsPlaces:
    """Where a log source's events lie on Windows: what ``sources_of`` says, the other way round."""
    return WindowsPlaces(
        category=tuple(_category_places(wanted.category)) if wanted.category else (),
        service=tuple(_service_places(wanted.service)) if wanted.service else (),
    )


def _service_places(wanted: str) -> Iterable[WindowsPlace]:
    channels = _channels(wanted)
    return [WindowsPlace(channels)] if channels else []


def _category_places(wanted: str) -> Iterable[WindowsPlace]:
    for (service, number), categories in _CATEGORIES.items():
        if wanted in categories:
            yield WindowsPlace(_channels(service), (number,))
    types = tuple(name for name, category in _REGISTRY_TYPES.items() if category == wanted)
    if types:
        yield WindowsPlace(_channels("sysmon"), (_REGISTRY_NUMBER,), types)


def _channels(service: str) -> tuple[str, ...]:
    """The channels of a service, in full."""
    return tuple(
        name if name in _UNPREFIXED else _PREFIX + name
        for name, services in _SERVICES.items()
        if service in services
    )


# What decides an event's log sources; the engine remembers the answer for their values.
ROUTING_FIELDS = (
    LOGSOURCE_PRODUCT,
    LOGSOURCE_CATEGORY,
    LOGSOURCE_SERVICE,
    "Channel",
    "EventID",
    "EventType",
)


def sources_of(fields: Mapping[str, Value]) -> EventSources:
    """The log sources of an event, from ``logsource.*`` and, on Windows, Channel and EventID.

    An event with ``Channel`` and ``EventID`` and no other product is a Windows event.
    """
    products = _texts(fields.get(LOGSOURCE_PRODUCT))
    categories = _texts(fields.get(LOGSOURCE_CATEGORY))
    services = _texts(fields.get(LOGSOURCE_SERVICE))
    channel, number = fields.get("Channel"), fields.get("EventID")
    if isinstance(channel, str) and number is not None and products <= {"windows"}:
        products = frozenset({"windows"})
        by_channel = windows_services(channel)
        services |= by_channel
        categories |= windows_categories(by_channel, number, fields.get("EventType"))
    return EventSources(products, categories, services)


def windows_services(channel: str) -> frozenset[str]:
    """The Sigma services of an event log channel.

    >>> windows_services("Microsoft-Windows-Sysmon/Operational")
    frozenset({'sysmon'})
    """
    name = channel.lower()
    if name.startswith(_PREFIX):
        name = name[len(_PREFIX) :]
        return frozenset(() if name in _UNPREFIXED else _SERVICES.get(name, ()))
    return frozenset(_SERVICES[name]) if name in _UNPREFIXED else frozenset()


def windows_categories(
    services: Iterable[str], number: Value, event_type: Value | None
) -> frozenset[str]:
    """The Sigma categories of an event of these services by its EventID."""
    whole = isinstance(number, float) and number.is_integer()
    key = str(int(number)) if whole else str(number)  # type: ignore[arg-type]
    found = {name for service in services for name in _CATEGORIES.get((service, key), ())}
    if "registry_event" in found and key == _REGISTRY_NUMBER:
        added = _REGISTRY_TYPES.get(str(event_type).lower())
        found |= {added} if added else set()
    return frozenset(found)


def parse_log_source(options: Sequence[str]) -> EventSources | None:
    """The log sources that a person gave as ``product=…,category=…,service=…``.

    A key may repeat: any of its values. None when nothing was given.

    Raises:
        LogSourceInvalid: Another key, or no value.
    """
    given: dict[str, set[str]] = {key: set() for key in KEYS}
    for pair in (pair.strip() for option in options for pair in option.split(",")):
        key, equals, value = pair.partition("=")
        if key not in given or not equals or not value.strip():
            raise LogSourceInvalid(f"{pair!r} is not product=…, category=… or service=…")
        given[key].add(value.strip().lower())
    if not any(given.values()):
        return None
    return EventSources(*(frozenset(given[key]) for key in KEYS))


def _texts(value: Value | None) -> frozenset[str]:
    if value is None:
        return frozenset()
    return frozenset(str(item).lower() for item in (value if isinstance(value, list) else [value]))
