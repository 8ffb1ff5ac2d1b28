"""One client's connection, and all that this process has."""
