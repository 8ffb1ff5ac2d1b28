"""The HTTP calls of your own. `web/dependencies.py` has what they may ask for."""

from fastapi import APIRouter

router = APIRouter()
