"""Rooms."""

from django.core.validators import MinValueValidator
from django.db import migrations, models

from ..models import validate_room_name


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Room",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="1 to 64 of a-z 0-9 _ -, starting with a letter or digit.",
                        max_length=64,
                        unique=True,
                        validators=[validate_room_name],
                    ),
                ),
                ("password", models.CharField(blank=True, editable=False, max_length=256)),
                (
                    "capacity",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Members it takes; empty for the service's default.",
                        null=True,
                        validators=[MinValueValidator(1)],
                    ),
                ),
                (
                    "presence",
                    models.BooleanField(
                        default=True, help_text="Whether members are told who comes and goes."
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={"ordering": ("name",)},
        ),
    ]
