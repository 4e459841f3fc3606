"""Durable state: one protocol, several stores, one conformance suite."""
