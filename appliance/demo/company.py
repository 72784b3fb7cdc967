"""Who works at the demo's company, on which machines, and who breaks in: all of it from a seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

_GIVEN_NAMES = (
    "ada amir bela carla chen dara edda elif finn greta hana idris ines jonas jude kaia kofi lars"
    " lena malik mara milo nadia nils noor olga otto petra priya quinn rafa rosa samir selma tariq"
    " thea uma vera viktor wanda xenia yara yusuf zoe"
)
_FAMILY_NAMES = (
    "abel berg castro dahl eriks faber gupta haas ito jansen kaya lind moreau novak okoye park"
    " quist rossi sato toth ueda vance weiss xu yilmaz zeller"
)
_FIRST_WORDS = "alder amber birch cedar copper delta ember fjord harbor juniper larch maple"
_SECOND_WORDS = "freight goods kitchens labs linen optics paper print seeds tools trade works"
_TOWNS = "ams ber cph dub gva hel kbh lis mad osl ota prg ruh sto tal vie"
EMPLOYEES = 18
_SERVICES = "backup cache deploy mirror monitor patch report sync"


@dataclass(frozen=True, slots=True)
class Person:
    """An employee: the account name is the same everywhere."""

    account: str
    name: str
    uid: int
    address: str
    computer: str


@dataclass(frozen=True, slots=True)
class Machine:
    """A server: its name as it calls itself, and its inside address."""

    name: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Intruder:
    """Who breaks in.

    Attributes:
        scanner: Address of the reconnaissance.
        address: Address of the logins and the place data goes to.
        victim: The employee whose password was guessed.
        administrator: The administrator whose Windows account was taken.
        account: The account that is left behind.
        target: The Windows server that was reached.
    """

    scanner: str
    address: str
    victim: Person
    administrator: Person
    account: str
    target: Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """The company; the first two people administer it.

    Attributes:
        domain: Its name in the DNS.
        workgroup: Its Windows domain, in capitals.
        people: Everybody.
        bastion: The Linux machine that can be reached from outside by ssh.
        web_servers: Linux, nginx.
        linux: All Linux machines.
        domain_controller: Windows.
        windows_servers: Windows, the controller among them.
        firewall: The FortiGate; its address is the company's outside one.
        firewall_serial: Its serial number.
        intruder: Who breaks in.
    """

    domain: str
    workgroup: str
    people: tuple[Person, ...]
    bastion: Machine
    web_servers: tuple[Machine, ...]
    linux: tuple[Machine, ...]
    domain_controller: Machine
    windows_servers: tuple[Machine, ...]
    firewall: Machine
    firewall_serial: str
    intruder: Intruder

    @property
    def administrators(self) -> Sequence[Person]:
        """Those who may do everything."""
        return self.people[:2]


def randomness(seed: int, part: str) -> random.Random:
    """A stream of its own for each part, so that a change of one leaves the others alone."""
    return random.Random(f"{seed}/{part}")  # noqa: S311 - a story, not a secret


def found_company(seed: int) -> Company:
    """The company that this seed stands for."""
    chance = randomness(seed, "company")
    town = chance.choice(_TOWNS.split())
    word = chance.choice(_FIRST_WORDS.split())
    network = f"10.{chance.randrange(16, 240)}.{chance.randrange(1, 250)}"
    people = tuple(_people(chance, network, town))
    names = iter(chance.sample(range(11, 60), 8))

    def machine(role: str) -> Machine:
        number = next(names)
        return Machine(f"{town}-{role}{number:02}", f"{network}.{number}")

    bastion, files, database = machine("jump"), machine("file"), machine("db")
    web_servers = (machine("web"), machine("web"))
    controller, member, terminal = machine("dc"), machine("app"), machine("ts")
    windows_servers = (controller, member, terminal)
    service = chance.choice(_SERVICES.split())
    return Company(
        domain=f"{word}-{chance.choice(_SECOND_WORDS.split())}.example",
        workgroup=word.upper(),
        people=people,
        bastion=bastion,
        web_servers=web_servers,
        linux=(bastion, *web_servers, files, database),
        domain_controller=controller,
        windows_servers=windows_servers,
        firewall=Machine(f"{town}-fw1", f"192.0.2.{chance.randrange(2, 250)}"),
        firewall_serial=f"FGT60FTK{chance.randrange(10**8):08}",
        intruder=Intruder(
            scanner=f"198.51.100.{chance.randrange(2, 250)}",
            address=f"203.0.113.{chance.randrange(2, 250)}",
            victim=chance.choice(people[2:]),
            administrator=chance.choice(people[:2]),
            account=f"svc-{service}{chance.randrange(10)}",
            target=chance.choice(windows_servers[1:]),
        ),
    )


def _people(chance: random.Random, network: str, town: str) -> list[Person]:
    people = []
    given = chance.sample(_GIVEN_NAMES.split(), EMPLOYEES)
    for number, first in enumerate(given):
        family = chance.choice(_FAMILY_NAMES.split())
        people.append(
            Person(
                account=f"{first}.{family}",
                name=f"{first.title()} {family.title()}",
                uid=1001 + number,
                address=f"{network}.{100 + number}",
                computer=f"{town.upper()}-PC{100 + number}",
            )
        )
    return people
