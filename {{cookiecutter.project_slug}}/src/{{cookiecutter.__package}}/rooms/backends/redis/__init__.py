"""The engine on Redis: any number of processes serve the same rooms."""
