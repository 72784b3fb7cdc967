"""Programs whose messages rules read as text: only their log source is known.

``event.action`` and the like come from PAM where these programs let it speak.
"""

from pipeline.parsing.linux import pam
from pipeline.parsing.log_source import LogSource
from pipeline.schema.event import Value

LOG_SOURCE = LogSource(product="linux", services=("auth",))
PROGRAMS = ("login", "systemd-logind", "polkitd", "pkexec", "lightdm", "sssd")

VSFTPD = LogSource(product="linux", services=("vsftpd",))
GUACAMOLE = LogSource(product="linux", services=("guacamole",))
BY_PROGRAM = {"vsftpd": VSFTPD, "guacd": GUACAMOLE, "guacamole": GUACAMOLE}


def parse(message: str, fields: dict[str, Value]) -> None:
    """Let PAM speak; anything else stays text."""
    if message.startswith(pam.PREFIX):
        pam.parse(message, fields)
