"""The HTTP calls of your own; `web.security` has `RequireKey`, `web.manager` `manager_of`."""

from ninja import Router

router = Router()
