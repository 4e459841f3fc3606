"""Load, measured against a bare relay; and the checker of histories."""
