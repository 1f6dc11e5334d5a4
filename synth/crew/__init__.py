"""Who films: processes and clusters, what they cost, and the ledger of what they did."""
