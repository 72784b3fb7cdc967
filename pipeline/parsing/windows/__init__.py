"""The Windows event log: channels to services, event ids to categories, records to fields."""
