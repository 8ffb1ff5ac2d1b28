"""The contract over a real socket: the same for every flavour."""
