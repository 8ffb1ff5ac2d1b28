"""The template's own tests: they render, run, boot and break each flavour."""
