"""The migrations of your models."""
