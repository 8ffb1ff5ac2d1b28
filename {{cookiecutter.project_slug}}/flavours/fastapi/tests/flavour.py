"""What differs between the flavours, where the shared tests need it."""

FURTHER_VARIABLES: set[str] = set()
# What a script runs before it imports what needs models.
SET_UP = ""
# What takes long to import, and looks at no setting while it is.
PRELOADED = (
    # First, as it stands for what the application imports of yours.
    "tests.bare",
    "uvloop",
    "{{cookiecutter.__package}}.server.run",
    "{{cookiecutter.__package}}.web.app",
)
