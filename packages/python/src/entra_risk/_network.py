"""What the environment says about the way to Microsoft Graph: the proxy, and the certificates to
trust."""

from __future__ import annotations

import ipaddress
import os
import ssl
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import truststore

_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
"""The variables that name a file, or a folder, with the certificates to trust. The first that is
set counts."""


class Network(NamedTuple):
    """The way to one host."""

    proxy: str | None
    """The URL of the proxy, which may contain a password. None: there is none."""
    certificates: ssl.SSLContext


def network_to(url: str) -> Network:
    """Reads the environment, and on Windows and macOS the settings of the system. Raises ValueError
    if a variable cannot be used, with its name."""
    return Network(_proxy_for(url), _certificates())


def _proxy_for(url: str) -> str | None:
    target = urlsplit(url)
    proxies = getproxies()
    name = target.scheme if proxies.get(target.scheme) else "all"
    proxy = proxies.get(name)
    if not proxy or proxy_bypass(target.netloc) or is_loopback(target.hostname):
        return None
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    try:
        parts = urlsplit(proxy)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        usable = False
    if not usable:
        # The value may contain a password.
        raise ValueError(f"{name.upper()}_PROXY: expected http://HOST:PORT")
    return proxy


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _certificates() -> ssl.SSLContext:
    for name in _CERTIFICATES:
        if path := os.environ.get(name):
            try:
                if os.path.isdir(path):
                    return ssl.create_default_context(capath=path)
                return ssl.create_default_context(cafile=path)
            except (OSError, ssl.SSLError) as error:
                raise ValueError(f"{name}: the certificates in {path} cannot be read: {error}") from None
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
