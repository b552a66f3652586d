"""Takes callbacks: ASGI applications that answer once an event is on the disk, and never run a query."""

from smsanalytics.collector.app import create_admin_app, create_app

__all__ = ["create_admin_app", "create_app"]
