"""The modules that touch the network or the disk; each is imported by the call that needs it."""
