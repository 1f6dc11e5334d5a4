"""Pictures for people: previews, turntables, channel sheets, the report."""
