"""The collector as ASGI applications: what the provider calls, and apart from it what your own systems call."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from smsanalytics.collector.admin import Admin
from smsanalytics.collector.collector import Collector
from smsanalytics.collector.endpoint import CallbackEndpoint
from smsanalytics.collector.responses import ALIVE, NOT_FOUND, NOT_GET, Answer
from smsanalytics.settings import Settings, load


def create_app(settings: Settings | None = None) -> Starlette:
    """
    Make the application that takes callbacks, at ``/callback`` and below, and answers ``/healthz``.

    Its lifespan takes a slot of the journal, and in the end seals it. Where the application that it is mounted in does
    not pass its lifespan on, the first callback does that. What it stores is published by ``smsanalytics maintain``.

    Parameters
    ----------
    settings : Settings, optional
        By default those of the environment and of ``smsanalytics.toml``, as for ``smsanalytics serve``.

    Returns
    -------
    Starlette
        To be mounted, or to be run by an ASGI server; its ``state.collector`` is the collector.

    Raises
    ------
    SettingsError
        If they are not fit for serving.

    Examples
    --------
    >>> from starlette.routing import Mount
    >>> sms = create_app(Settings(data="data", secret="s3cret_Key-1"))
    >>> app = Starlette(routes=[Mount("/sms", sms)], lifespan=sms.router.lifespan_context)
    """
    return app_of(Collector(settings or load()))


def app_of(collector: Collector) -> Starlette:
    """Make the application of a collector, which may be open already."""

    def giving(answer: Answer) -> Any:
        async def give(*_: object) -> Answer:
            collector.monitor.answered(answer.status)
            return answer

        return give

    app = _App(
        routes=[Route("/healthz", giving(ALIVE))],
        exception_handlers={404: giving(NOT_FOUND), 405: giving(NOT_GET)},
        lifespan=lambda _: collector.running(),
    )
    app.state.collector = collector
    return app


class _App(Starlette):
    """Starlette, with callbacks answered in front of all that it puts around an application."""

    def build_middleware_stack(self) -> ASGIApp:
        return CallbackEndpoint(super().build_middleware_stack(), self.state.collector)


def create_admin_app(settings: Settings | None = None, *, beside: Starlette | None = None) -> Starlette:
    """
    Make the application for your own systems: ``/readyz``, ``/metrics``, ``/sends`` and ``/confirmation-requests``.

    Keep it from the Internet. Callbacks are not taken here.

    Parameters
    ----------
    settings : Settings, optional
        As `create_app`.
    beside : Starlette, optional
        Made by `create_app`, and run in the same process: the pages are about this one, whose settings and lifespan
        hold. By default the application has a slot of the journal, and a lifespan, of its own.

    Returns
    -------
    Starlette

    Raises
    ------
    SettingsError
        If they are not fit for serving.
    """
    collector: Collector = beside.state.collector if beside else Collector(settings or load())
    return Admin(collector).app(None if beside else lambda _: collector.running())
