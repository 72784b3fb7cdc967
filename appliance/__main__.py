"""``python -m appliance``: the same as ``./tocsin`` once the environment is there."""

from appliance.cli import main

main()
