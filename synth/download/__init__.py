"""Files from their owners' own sites."""
