"""The embedded store: ClickHouse's HTTP interface over chDB, in a process of its own.

A chDB directory can be open in one process only, so one process owns it and everybody else sees
a URL, as with a ClickHouse server. The rest of the product needs ``run`` and ``StoreAccount``;
only ``engine`` imports chdb, and only when a store is opened.

Served: GET and POST on ``/`` as ClickHouse's HTTP interface has it, ``/ping``, and what
clickhouse-connect, curl and HTTP data sources need of headers and errors. ``application`` lists
under "Not done" what is not.
"""

from pipeline.store.embedded.accounts import StoreAccount
from pipeline.store.embedded.server import run

__all__ = ["StoreAccount", "run"]
