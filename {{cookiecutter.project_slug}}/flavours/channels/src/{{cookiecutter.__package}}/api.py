"""The HTTP calls of your own; `web.api` has `RequireKey`, `web.manager` has `manager_of`."""

from ninja import Router

router = Router()
