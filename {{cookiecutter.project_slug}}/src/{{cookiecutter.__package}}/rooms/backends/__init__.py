"""Where rooms, messages and members are kept."""
