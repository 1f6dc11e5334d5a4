"""Acclaim's ASF and AMC files, as CMU publishes them."""
