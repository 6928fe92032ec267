"""The pages, one a file: each reads its address, asks functions of `ops`, and renders a template."""

from __future__ import annotations

from starlette.routing import Route

from ops.console.pages import (
    actions,
    call,
    campaign,
    campaigns,
    charts,
    contacts,
    dead,
    dead_group,
    drift,
    now,
    push,
    push_replay,
    pushes,
    refusals,
    replays,
    settings,
)

_MODULES = (
    now,
    charts,
    refusals,
    campaigns,
    campaign,
    call,
    contacts,
    pushes,
    push,
    push_replay,
    dead,
    dead_group,
    replays,
    drift,
    actions,
    settings,
)

PAGES: tuple[Route, ...] = tuple(route for module in _MODULES for route in module.ROUTES)
"""Every address that is a page, a part of one, or acts"""
