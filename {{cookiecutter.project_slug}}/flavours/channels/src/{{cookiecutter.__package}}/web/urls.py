"""Which view answers which path."""

from django.contrib import admin
from django.urls import path

from . import pages
from .api import api

urlpatterns = [
    path("", pages.index),
    path("docs/socket", pages.protocol),
    path("asyncapi.json", pages.asyncapi),
    path("admin/", admin.site.urls),
    path("", api.urls),
]
