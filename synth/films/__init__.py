"""Rows of a plan in, films with ground truth out."""
