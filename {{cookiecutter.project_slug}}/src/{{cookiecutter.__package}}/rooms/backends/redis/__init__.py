"""The Redis backend: any number of processes serve the same rooms."""
