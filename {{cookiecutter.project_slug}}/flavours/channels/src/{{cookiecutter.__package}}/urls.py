"""Which view answers which path."""

from django.contrib import admin
from django.urls import path

from .api import api
from .pages import index

urlpatterns = [
    path("", index),
    path("admin/", admin.site.urls),
    path("", api.urls),
]
