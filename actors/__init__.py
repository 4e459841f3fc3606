"""The pure core of Warbler: actor runtime, chat actors and the store protocol. No sockets, no Ray."""
