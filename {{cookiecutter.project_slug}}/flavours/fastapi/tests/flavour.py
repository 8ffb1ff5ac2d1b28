"""What differs between the flavours, where the shared tests need it."""

FURTHER_VARIABLES: set[str] = set()
# What a script runs before it imports what needs models.
SET_UP = ""
