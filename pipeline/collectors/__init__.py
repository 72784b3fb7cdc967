"""The outside world to the events topics; one package per protocol."""
