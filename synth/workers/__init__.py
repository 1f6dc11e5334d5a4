"""Processes and clusters that work through a list of tasks."""
