"""Rooms, as Django keeps them."""

from django.contrib.auth.hashers import check_password, make_password
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models

from ..rooms.names import ROOM_RULE, is_room_name


def validate_room_name(name: str) -> None:
    """Let only names pass that a path may hold."""
    if not is_room_name(name):
        raise ValidationError(f"A room name is {ROOM_RULE}.")


class Room(models.Model):
    """A room that clients may enter."""

    name = models.CharField(
        max_length=64, unique=True, validators=[validate_room_name], help_text=f"{ROOM_RULE}."
    )
    password = models.CharField(max_length=256, blank=True, editable=False)
    capacity = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Members it takes; empty for the service's default.",
    )
    presence = models.BooleanField(
        default=True, help_text="Whether members are told who comes and goes."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    # Whether the manager closes the room by itself when this row is deleted.
    manager_knows = False

    class Meta:
        """How rooms are listed."""

        ordering = ("name",)

    def __str__(self) -> str:
        """Name the room."""
        return self.name

    @property
    def locked(self) -> bool:
        """Whether it has a password."""
        return bool(self.password)

    def set_password(self, password: str | None) -> None:
        """Keep a hash of the password; none opens the room."""
        self.password = make_password(password) if password else ""

    def check_password(self, password: str) -> bool:
        """Whether this is the room's password."""
        return self.locked and check_password(password, self.password)
