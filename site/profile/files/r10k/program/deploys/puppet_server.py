"""Has Puppet Server read an environment before nodes are given it, and forget those that none is given any more."""

import configparser
import http.client
import json
import socket
import ssl
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

PUPPET_CONF = Path("/etc/puppet/puppet.conf")
SSL_DIRECTORY = Path("/var/lib/puppet/ssl")
PORT = 8140
SECONDS = 5.0
READ_SECONDS = 20.0
CACHE = "/puppet-admin-api/v1/environment-cache"
CATALOG = "/puppet/v4/catalog"


def forget(names: Iterable[str]) -> set[str]:
    """Have it forget environments; return those that it has. One that does not answer is told with the next deploy.

    Nothing is wrong about an environment in its memory: each is of one commit for ever.
    """
    done: set[str] = set()
    try:
        connection = _connection(_certname(), SECONDS)
        for name in names:
            connection.request("DELETE", f"{CACHE}?{urlencode({'environment': name})}")
            response = connection.getresponse()
            response.read()
            if response.status != HTTPStatus.NO_CONTENT:
                break
            done.add(name)
    except (OSError, http.client.HTTPException):
        pass  # it is down or starting, and will have nothing in its memory; or it is busy
    return done


def read(name: str) -> None:
    """Have it read an environment, by a catalog of this machine that is stored nowhere.

    The first node that is given it would wait for that. One that does not answer reads it then.
    """
    host = _certname()
    question = {
        "certname": host,
        "environment": name,
        "persistence": {"facts": False, "catalog": False},
        "options": {"prefer_requested_environment": True},
    }
    try:
        connection = _connection(host, READ_SECONDS)
        connection.request("POST", CATALOG, json.dumps(question), {"Content-Type": "application/json"})
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass


def _connection(host: str, seconds: float) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=str(SSL_DIRECTORY / "certs/ca.pem"))
    context.load_cert_chain(SSL_DIRECTORY / f"certs/{host}.pem", SSL_DIRECTORY / f"private_keys/{host}.pem")
    return http.client.HTTPSConnection(host, PORT, timeout=seconds, context=context)


def _certname() -> str:
    settings = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        settings.read(PUPPET_CONF, encoding="utf-8")
        return settings.get("main", "certname", fallback=socket.getfqdn())
    except configparser.Error:
        return socket.getfqdn()
