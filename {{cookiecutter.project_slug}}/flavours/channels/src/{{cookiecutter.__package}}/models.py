"""Your models; `uv run python manage.py makemigrations` writes their migrations."""
