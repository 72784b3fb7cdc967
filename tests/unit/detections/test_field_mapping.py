from detections.field_mapping import FieldNames


def test_the_field_as_the_rule_spells_it_wins() -> None:
    names = FieldNames(["ThreatName", "Threat Name", "Image", "NewProcessName"])

    assert names.find("ThreatName") == "ThreatName"
    assert names.find("Threat Name") == "Threat Name"
    assert names.find("Image") == "Image"


def test_spaces_in_names_do_not_matter() -> None:
    assert FieldNames(["Threat Name"]).find("ThreatName") == "Threat Name"
    assert FieldNames(["ThreatName"]).find("Threat Name") == "ThreatName"


def test_a_process_of_the_security_log_is_found_under_sysmons_names() -> None:
    names = FieldNames(["NewProcessName", "ParentProcessName"])

    assert names.find("Image") == "NewProcessName"
    assert names.find("ParentImage") == "ParentProcessName"


def test_case_counts() -> None:
    assert FieldNames(["eventType"]).find("eventtype") is None
