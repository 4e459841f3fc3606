"""The edge: wire protocol, transports, HTTP, web client and SDK."""
