"""The HTTP API: accounts, rooms, history, administration, and what operators ask."""
