"""Which Sigma services and categories a Windows event has, from its channel and event id.

Facts of Windows, of Sysmon's documentation and of Sigma's taxonomy (appendix 2.1, "Windows").
"""

from functools import lru_cache

from pipeline.parsing.log_source import LogSource
from pipeline.schema.event import Value
from pipeline.schema.fields import LOGSOURCE_CATEGORY

PRODUCT = "windows"

# Channel names are compared in lower case: Windows itself does not tell them apart by case.
SERVICES: dict[str, tuple[str, ...]] = {
    "application": ("application",),
    "dns server": ("dns-server",),
    "microsoft-iis-configuration/operational": ("iis-configuration",),
    "microsoft-servicebus-client": ("microsoft-servicebus-client",),
    "microsoft-servicebus-client/admin": ("servicebus-client",),
    "microsoft-servicebus-client/operational": ("servicebus-client",),
    "microsoft-windows-application-experience/program-compatibility-assistant": (
        "application-experience",
    ),
    "microsoft-windows-application-experience/program-telemetry": ("application-experience",),
    "microsoft-windows-applocker/exe and dll": ("applocker",),
    "microsoft-windows-applocker/msi and script": ("applocker",),
    "microsoft-windows-applocker/packaged app-deployment": ("applocker",),
    "microsoft-windows-applocker/packaged app-execution": ("applocker",),
    "microsoft-windows-appmodel-runtime/admin": ("appmodel-runtime",),
    "microsoft-windows-appxdeploymentserver/operational": ("appxdeployment-server",),
    "microsoft-windows-appxpackaging/operational": ("appxpackaging-om",),
    "microsoft-windows-bitlocker/bitlocker management": ("bitlocker",),
    "microsoft-windows-bits-client/operational": ("bits-client",),
    "microsoft-windows-capi2/operational": ("capi2",),
    "microsoft-windows-certificateservicesclient-lifecycle-system/operational": (
        "certificateservicesclient-lifecycle-system",
    ),
    "microsoft-windows-codeintegrity/operational": ("codeintegrity-operational",),
    "microsoft-windows-dhcp-server/operational": ("dhcp",),
    "microsoft-windows-diagnosis-scripted/operational": ("diagnosis-scripted",),
    "microsoft-windows-dns client events/operational": ("dns-client",),
    "microsoft-windows-dns-server/analytical": ("dns-server-analytic",),
    "microsoft-windows-dns-server/audit": ("dns-server-audit",),
    "microsoft-windows-driverframeworks-usermode/operational": ("driver-framework",),
    "microsoft-windows-hyper-v-worker": ("hyper-v-worker",),
    "microsoft-windows-kernel-eventtracing": ("kernel-event-tracing",),
    "microsoft-windows-kernel-shimengine/diagnostic": ("kernel-shimengine",),
    "microsoft-windows-kernel-shimengine/operational": ("kernel-shimengine",),
    "microsoft-windows-ldap-client/debug": ("ldap", "ldap_debug"),
    "microsoft-windows-lsa/operational": ("lsa-server",),
    "microsoft-windows-ntfs/operational": ("ntfs",),
    "microsoft-windows-ntlm/operational": ("ntlm",),
    "microsoft-windows-powershell/operational": ("powershell",),
    "microsoft-windows-printservice/admin": ("printservice-admin",),
    "microsoft-windows-printservice/operational": ("printservice-operational",),
    "microsoft-windows-security-mitigations/kernel mode": ("security-mitigations",),
    "microsoft-windows-security-mitigations/user mode": ("security-mitigations",),
    "microsoft-windows-sense/operational": ("sense",),
    "microsoft-windows-shell-core/operational": ("shell-core",),
    "microsoft-windows-smbclient/connectivity": ("smbclient-connectivity",),
    "microsoft-windows-smbclient/security": ("smbclient-security",),
    "microsoft-windows-smbserver/connectivity": ("smbserver-connectivity",),
    "microsoft-windows-sysmon/operational": ("sysmon",),
    "microsoft-windows-taskscheduler/operational": ("taskscheduler",),
    "microsoft-windows-terminalservices-localsessionmanager/operational": (
        "terminalservices-localsessionmanager",
    ),
    "microsoft-windows-vhdmp/operational": ("vhdmp",),
    "microsoft-windows-windows defender/operational": ("windefend",),
    "microsoft-windows-windows firewall with advanced security/firewall": ("firewall-as",),
    "microsoft-windows-wmi-activity/operational": ("wmi",),
    "msexchange management": ("msexchange-management",),
    "openssh/operational": ("openssh",),
    "powershellcore/operational": ("powershell",),
    "security": ("security",),
    "system": ("system",),
    "windows powershell": ("powershell-classic",),
}

_ANTIVIRUS = (1006, 1007, 1008, 1009, 1010, 1011, 1012, 1017, 1018, 1019, 1115, 1116)
CATEGORIES: dict[tuple[str, int], str] = {
    ("powershell", 4103): "ps_module",
    ("powershell", 4104): "ps_script",
    ("powershell-classic", 400): "ps_classic_start",
    ("powershell-classic", 600): "ps_classic_provider_start",
    ("powershell-classic", 800): "ps_classic_script",
    ("security", 4688): "process_creation",
    ("sysmon", 1): "process_creation",
    ("sysmon", 2): "file_change",
    ("sysmon", 3): "network_connection",
    ("sysmon", 4): "sysmon_status",
    ("sysmon", 5): "process_termination",
    ("sysmon", 6): "driver_load",
    ("sysmon", 7): "image_load",
    ("sysmon", 8): "create_remote_thread",
    ("sysmon", 9): "raw_access_thread",
    ("sysmon", 10): "process_access",
    ("sysmon", 11): "file_event",
    ("sysmon", 12): "registry_event",
    ("sysmon", 13): "registry_event",
    ("sysmon", 14): "registry_event",
    ("sysmon", 15): "create_stream_hash",
    ("sysmon", 16): "sysmon_status",
    ("sysmon", 17): "pipe_created",
    ("sysmon", 18): "pipe_created",
    ("sysmon", 19): "wmi_event",
    ("sysmon", 20): "wmi_event",
    ("sysmon", 21): "wmi_event",
    ("sysmon", 22): "dns_query",
    ("sysmon", 23): "file_delete",
    ("sysmon", 24): "clipboard_change",
    ("sysmon", 25): "process_tampering",
    ("sysmon", 26): "file_delete_detected",
    ("sysmon", 27): "file_block_executable",
    ("sysmon", 28): "file_block_shredding",
    ("sysmon", 29): "file_executable_detected",
    ("sysmon", 255): "sysmon_error",
} | {("windefend", event_id): "antivirus" for event_id in _ANTIVIRUS}

# A registry event is also of the category of what was done; Sysmon 12 says it in EventType.
# The clipboard has one name in the rules' converters and another in the taxonomy.
SECOND_CATEGORIES: dict[tuple[str, int, str], str] = {
    ("sysmon", 12, "CreateKey"): "registry_add",
    ("sysmon", 12, "DeleteKey"): "registry_delete",
    ("sysmon", 12, "DeleteValue"): "registry_delete",
    ("sysmon", 13, ""): "registry_set",
    ("sysmon", 14, ""): "registry_rename",
    ("sysmon", 24, ""): "clipboard_capture",
}


@lru_cache(maxsize=4096)
def log_source_fields(channel: str, event_id: int, event_type: str = "") -> dict[str, Value]:
    """The log source of an event as fields, shared by all events that have it.

    Args:
        channel: As the event has it, in any case.
        event_id: EventID; -1 if it has none.
        event_type: Sysmon's EventType for event 12, otherwise empty.
    """
    services = SERVICES.get(channel.lower(), ())
    service = services[0] if services else ""
    category = CATEGORIES.get((service, event_id), "")
    fields = LogSource(product=PRODUCT, category=category, services=services).fields
    if second := SECOND_CATEGORIES.get((service, event_id, event_type)):
        fields[LOGSOURCE_CATEGORY] = [category, second]
    return fields
