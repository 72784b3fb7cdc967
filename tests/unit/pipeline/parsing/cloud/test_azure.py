"""Azure Monitor's export: which service wrote it."""

import pytest

from pipeline.parsing.cloud.azure import SOURCE

AADIAM = "/tenants/t/providers/Microsoft.aadiam"


@pytest.mark.parametrize(
    ("category", "resource", "services"),
    [
        ("SignInLogs", AADIAM, ["signinlogs"]),
        ("AuditLogs", AADIAM, ["auditlogs", "pim"]),
        ("UserRiskEvents", AADIAM, ["riskdetection"]),
        ("Other", AADIAM, ["auditlogs", "signinlogs", "riskdetection", "pim"]),
        ("Administrative", "/SUBSCRIPTIONS/S", ["activitylogs"]),
    ],
)
def test_the_category_tells_the_service(category: str, resource: str, services: list[str]) -> None:
    document = {"operationName": "o", "category": category, "resourceId": resource}

    assert SOURCE.recognises(document)
    assert SOURCE.parse(document)["logsource.service"] == services


@pytest.mark.parametrize(
    ("result", "outcome"),
    [("0", "success"), ("Success", "success"), ("50126", "failure"), ("Failed", "failure")],
)
def test_the_result_tells_the_outcome(result: str, outcome: str) -> None:
    document = {"operationName": "o", "resourceId": AADIAM, "resultType": result}

    assert SOURCE.parse(document)["event.outcome"] == outcome


def test_other_documents_with_an_operation_are_not_taken_for_it() -> None:
    assert not SOURCE.recognises({"operationName": "GET /"})
