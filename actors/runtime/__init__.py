"""Actors, mailboxes, placement and links, under a clock and a transport that are handed in."""
