"""The spam filter: rules now, learning models beside them."""
