"""The company is what its seed says, and nothing else."""

import ipaddress

import pytest

from appliance.demo.company import found_company, randomness

DOCUMENTATION = [ipaddress.ip_network(net) for net in ("198.51.100.0/24", "203.0.113.0/24")]


def test_the_same_seed_is_the_same_company() -> None:
    assert found_company(7) == found_company(7)


def test_another_seed_has_other_people_machines_and_addresses() -> None:
    first, second = found_company(1), found_company(2)

    assert {person.account for person in first.people}.isdisjoint(
        person.account for person in second.people
    )
    assert {machine.name for machine in first.linux}.isdisjoint(
        machine.name for machine in second.linux
    )
    assert first.bastion.address != second.bastion.address
    assert first.intruder.address != second.intruder.address
    assert first.domain != second.domain


@pytest.mark.parametrize("seed", range(20))
def test_a_company_holds_together(seed: int) -> None:
    company = found_company(seed)

    accounts = [person.account for person in company.people]
    assert len(set(accounts)) == len(accounts)
    addresses = [machine.address for machine in (*company.linux, *company.windows_servers)]
    addresses += [person.address for person in company.people]
    assert len(set(addresses)) == len(addresses)
    assert company.intruder.victim in company.people
    assert company.intruder.victim not in company.administrators
    assert company.intruder.administrator in company.administrators
    assert company.intruder.target != company.domain_controller
    assert company.intruder.account not in accounts
    assert company.domain.endswith(".example")


@pytest.mark.parametrize("seed", range(20))
def test_intruders_come_from_addresses_reserved_for_documentation(seed: int) -> None:
    intruder = found_company(seed).intruder

    for address in (intruder.scanner, intruder.address):
        assert any(ipaddress.ip_address(address) in network for network in DOCUMENTATION)


def test_parts_draw_from_streams_of_their_own() -> None:
    assert randomness(1, "web").random() == randomness(1, "web").random()
    assert randomness(1, "web").random() != randomness(1, "linux").random()
