"""What travels, and the words for it. No I/O."""
