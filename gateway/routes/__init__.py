"""The routes that the gateway handles itself."""
