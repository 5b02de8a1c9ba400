"""Every change anyone can make, by area. One action, one transaction.

Bots, the command line and tests call these; each takes the `Office` first and
JSON values after it, so that the durable engine can run it as a checkpoint.
"""
