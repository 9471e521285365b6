"""Flask's sessions, at no cost to the many requests of a service that have none."""

from flask import Flask, Request, Response
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin


class Sessions(SecureCookieSessionInterface):
    """Sessions in a signed cookie, whose key is derived and whose settings are looked up only where there is one."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The session that the request's cookie has, or a new one."""
        return super().open_session(app, request) if "HTTP_COOKIE" in request.environ else self.session_class()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Put the session into the response's cookie."""
        if session or session.accessed or session.modified:
            super().save_session(app, session, response)
