"""Rooms in Django's admin."""

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from ..rooms.errors import NeedsNoMakingError
from .manager import get_manager
from .models import Room


class RoomForm(forms.ModelForm):  # type: ignore[type-arg]  # generic to the checker only
    """A room, with its password typed in rather than shown."""

    new_password = forms.CharField(
        required=False,
        max_length=1024,
        widget=forms.PasswordInput,
        help_text="Leave empty to keep the one that it has.",
    )
    remove_password = forms.BooleanField(required=False, help_text="Open the room to everyone.")

    class Meta:
        """What the form shows of the model."""

        model = Room
        fields = ("name", "capacity", "presence")

    def clean_name(self) -> str:
        """Refuse the name of a room that needs no making."""
        name: str = self.cleaned_data["name"]
        if get_manager().service.room(name):
            raise forms.ValidationError(str(NeedsNoMakingError(name)))
        return name


@admin.register(Room)
class RoomAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic to the checker only
    """Creates, changes and deletes rooms; deleting one closes its members' connections."""

    form = RoomForm
    list_display = ("name", "locked", "capacity", "presence", "created_at")
    search_fields = ("name",)

    @admin.display(boolean=True)
    def locked(self, room: Room) -> bool:
        """Whether it has a password."""
        return room.locked

    def get_readonly_fields(self, request: HttpRequest, obj: Room | None = None) -> tuple[str, ...]:
        """Keep the name of a room that there is: its members know it by that."""
        return ("name",) if obj else ()

    def save_model(
        self,
        request: HttpRequest,
        obj: Room,
        form: RoomForm,
        change: bool,  # noqa: FBT001 (Django's signature)
    ) -> None:
        """Hash a password that was typed in."""
        if form.cleaned_data["remove_password"]:
            obj.set_password(None)
        elif form.cleaned_data["new_password"]:
            obj.set_password(form.cleaned_data["new_password"])
        super().save_model(request, obj, form, change)
