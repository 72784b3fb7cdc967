"""The company's firewall on an ordinary day: what goes out, what comes in, what stays outside."""

from collections.abc import Iterator
from datetime import datetime

from appliance.demo.company import Company, randomness
from appliance.demo.firewall_logs import traffic
from appliance.demo.hours import OFFICE, STEADY, VISITORS, moments
from appliance.demo.message import DemoMessage

_NOISE_PORTS = (23, 445, 3389, 8080, 5900, 1433, 6379, 2323, 8443, 22, 25)


def sessions(company: Company, seed: int, start: datetime, end: datetime) -> Iterator[DemoMessage]:
    """People's connections to the outside and visitors' to the shop."""
    chance = randomness(seed, "sessions")
    for time in moments(chance, start, end, 8_000, OFFICE):
        person = chance.choice(company.people)
        port = chance.choice((443, 443, 443, 443, 80, 53, 123))
        yield traffic(
            time,
            company,
            (person.address, chance.randrange(49_152, 65_535)),
            (f"198.18.{chance.randrange(256)}.{chance.randrange(1, 255)}", port),
            "close" if port in (80, 443) else "accept",
            sent_bytes=chance.randrange(300, 60_000),
            received_bytes=chance.randrange(500, 3_000_000),
            seconds=chance.randrange(1, 240),
        )
    for time in moments(chance, start, end, 4_000, VISITORS):
        visitor = (
            f"198.{chance.choice((18, 19))}.{chance.randrange(256)}.{chance.randrange(1, 255)}"
        )
        server = chance.choice(company.web_servers)
        yield traffic(
            time,
            company,
            (visitor, chance.randrange(32_768, 65_535)),
            (server.address, 443),
            "close",
            sent_bytes=chance.randrange(600, 9_000),
            received_bytes=chance.randrange(4_000, 900_000),
            seconds=chance.randrange(1, 120),
        )


def noise(company: Company, seed: int, start: datetime, end: datetime) -> Iterator[DemoMessage]:
    """What the internet tries on every address: one or two ports, then it moves on."""
    chance = randomness(seed, "noise")
    for time in moments(chance, start, end, 2_500, STEADY):
        stranger = f"198.19.{chance.randrange(256)}.{chance.randrange(1, 255)}"
        for port in chance.sample(_NOISE_PORTS, chance.choice((1, 1, 1, 2))):
            yield traffic(
                time,
                company,
                (stranger, chance.randrange(1_024, 65_535)),
                (company.firewall.address, port),
                "deny",
            )
