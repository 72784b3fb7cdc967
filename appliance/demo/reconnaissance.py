"""Stages 1 and 2 of the break-in: the web server is scanned, then the firewall."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from appliance.demo.company import Company, Machine, randomness
from appliance.demo.firewall_logs import traffic
from appliance.demo.hours import seconds
from appliance.demo.message import DemoMessage
from appliance.demo.ordinary_web import AGENTS
from appliance.demo.web_logs import request

_SCANNER_AGENT = "gobuster/3.6"
_UNDISGUISED = 3  # requests
_INJECTION_AGENT = "sqlmap/1.8.4#stable (https://sqlmap.org)"
_WORDS = (
    "admin administrator api app backup bak cgi-bin config console data db debug dev dump files"
    " git hidden include install internal jenkins login logs manager old panel phpmyadmin private"
    " secret server-status setup shell sql staging status store swagger temp test tmp upload"
    " uploads user users vendor web wp-admin wp-content wp-includes xmlrpc"
)
_SUFFIXES = ("", "/", ".php", ".bak", ".old")
_TELLING = (
    "/.env",
    "/.git/config",
    "/.git/HEAD",
    "/.aws/credentials",
    "/.htpasswd",
    "/wp-login.php",
    "/phpmyadmin/index.php",
    "/server-status",
    "/backup.sql",
    "/backup.zip",
    "/actuator/env",
    "/cgi-bin/test.cgi",
)
_PROBES = (
    ("/download?file=../../../../etc/passwd", 400),
    ("/download?file=..%2f..%2f..%2f..%2fetc%2fshadow", 400),
    ("/search?q=%3Cscript%3Ealert(1)%3C/script%3E", 200),
    ("/search?q=%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E", 200),
)
_INJECTIONS = (
    "/search?q=1%27%20AND%201=1--%20-",
    "/search?q=1%27%20UNION%20SELECT%20NULL,NULL--%20-",
    "/search?q=1%27%20UNION%20ALL%20SELECT%20table_name,NULL%20FROM%20information_schema.tables--",
    "/product/1041%27%20AND%20SLEEP(5)--%20-",
)


def stages(company: Company, seed: int, end: datetime) -> Iterator[DemoMessage]:
    """What the scanner does, from 58 to 49 minutes before the end."""
    chance = randomness(seed, "reconnaissance")
    server = chance.choice(company.web_servers)
    yield from _paths(chance, end - timedelta(minutes=58), company, server)
    yield from _holes(chance, end - timedelta(minutes=54), company, server)
    yield from _ports(chance, end - timedelta(minutes=50), company)


def _paths(
    chance: random.Random, time: datetime, company: Company, server: Machine
) -> Iterator[DemoMessage]:
    """Words of a list as paths, a request or two a second; after a first try in disguise."""
    words = _WORDS.split()
    paths = [*_TELLING, *(f"/{word}{chance.choice(_SUFFIXES)}" for word in words)]
    paths += [f"/{word}{suffix}" for word in words for suffix in chance.sample(_SUFFIXES, 4)]
    chance.shuffle(paths)
    disguise = chance.choice(AGENTS)
    for number, path in enumerate(paths):
        time += seconds(chance, 0.2, 1.0)
        agent = _SCANNER_AGENT if number < _UNDISGUISED else disguise
        status = 403 if "status" in path or ".ht" in path else 301 if path == "/login/" else 404
        scanner = company.intruder.scanner
        yield request(time, server, scanner, "GET", path, status, 153, agent)


def _holes(
    chance: random.Random, time: datetime, company: Company, server: Machine
) -> Iterator[DemoMessage]:
    """Traversal and scripting by hand, injection by a tool."""
    agent, scanner = chance.choice(AGENTS), company.intruder.scanner
    for target, status in _PROBES:
        time += seconds(chance, 4, 12)
        yield request(time, server, scanner, "GET", target, status, 420, agent)
    for _ in range(6):
        time += seconds(chance, 1, 4)
        target = chance.choice(_INJECTIONS)
        status = chance.choice((200, 200, 500))
        yield request(time, server, scanner, "GET", target, status, 512, _INJECTION_AGENT)


def _ports(chance: random.Random, time: datetime, company: Company) -> Iterator[DemoMessage]:
    """One address asks for 180 ports of another within forty seconds."""
    source_port = chance.randrange(40_000, 60_000)
    for port in chance.sample(range(1, 10_000), 180):
        time += seconds(chance, 0.1, 0.32)
        source = (company.intruder.scanner, source_port)
        yield traffic(time, company, source, (company.firewall.address, port), "deny")
