"""Garments of photographed people: seen by a network, decided, and painted into a whole texture."""
