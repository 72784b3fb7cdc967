"""Every SELECT of the product: named, parameterised, bounded in time and rows, with typed results.

``events`` (search and single events), ``overview`` (who sent how much), ``alerts``, ``ledger``
(what must add up, stored ranges, dead letters), ``series`` (metrics), ``clicks``. Each function
takes a StoreClient and raises what ``StoreClient.query`` raises. No value is written into SQL.
"""
