"""Real clients, each a program that is led from ending to ending and prints what it was told."""
