"""Bugs, planted one at a time."""

PLANTED = {}
