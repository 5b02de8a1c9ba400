"""Real servers on loopback, each started by a test and gone with it."""
