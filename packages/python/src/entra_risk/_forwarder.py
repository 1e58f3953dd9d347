"""Sends the plugin's requests to Microsoft Graph, because wasmtime-py knows neither proxies nor the
certificates of a company.

The plugin sends to a server on loopback in this process, which exchanges the placeholder in the
request for the token, and returns the response. Nobody else on the machine can use it, because
nobody else has a placeholder."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import json
import logging
import re
import ssl
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import aiohttp
from aiohttp import web
from yarl import URL

from ._component import was_forked
from ._network import Network, is_loopback, network_to
from ._printable import printable
from ._report import Error
from ._route import Route

_MAX_RESPONSE = 65_536
"""Maximum length of a response body in bytes. The plugin reads no more."""
_MAX_PAGE = 8 << 20
"""Maximum length of a page of a list in bytes. The reader reads no more."""
_MAX_CONNECT_TIME = 10.0
"""Seconds in which a connection must be established. A firewall that drops packets gives no other
sign."""
_MAX_REQUEST = 1 << 20
"""Maximum length of a request body in bytes: more than that of 10,000 ids."""
_MAX_REQUEST_LINE = 65_536
"""Maximum length of a request line in bytes: more than that of the longest filter, and of the longest
next link that the reader follows."""
_REQUEST_HEADERS = ("accept", "client-request-id", "content-type", "prefer", "return-client-request-id", "user-agent")
_RESPONSE_HEADERS = ("client-request-id", "content-type", "date", "request-id", "retry-after", "www-authenticate")

# Statuses for requests that were never sent: whether the plugin retries or ends the call. The caller
# sees the error itself.
_MAY_PASS = 421
_ENDS_THE_CALL = 407
_NEVER_SENT = "never-sent"

Result = TypeVar("Result")


class Forwarder:
    """A server on loopback with one upstream."""

    def __init__(self, upstream: str) -> None:
        network = network_to(upstream)
        self.upstream = upstream
        address = re.escape(upstream.encode())
        self._next_link = re.compile(b'("@odata.nextLink"\\s*:\\s*")' + address + b"(?=/)", re.IGNORECASE)
        self._routes: dict[str, Route] = {}
        self._network = network
        self._session: aiohttp.ClientSession
        self.address = _in_loop(self._start())
        """Where the plugin sends its requests."""

    def open_route(self, *names: str) -> Route:
        """Returns the route of a new call, for requests of these actions and collections."""
        return Route(self.upstream, self._routes, names)

    async def close(self) -> None:
        """Closes the connections to the upstream."""
        await self._session.close()

    async def _start(self) -> str:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._network.certificates, limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            # The plugin has a timeout for each attempt.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_MAX_CONNECT_TIME),
            auto_decompress=False,
            trust_env=False,  # It would read ~/.netrc too.
            max_line_size=_MAX_RESPONSE,
            max_field_size=4 * _MAX_RESPONSE,
            skip_auto_headers=("accept-encoding", "user-agent", "accept"),
        )
        app = web.Application(client_max_size=_MAX_REQUEST)
        app.router.add_route("*", "/{path:.*}", self._forward)
        app.on_response_prepare.append(_add_nothing)
        # Abandoned by the plugin means abandoned upstream.
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=logging.getLogger(__name__),
            handler_cancellation=True,
            handle_signals=False,
            max_line_size=_MAX_REQUEST_LINE,
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        self._host = f"127.0.0.1:{port}"
        address = f"http://{self._host}"
        self._here = b"\\1" + address.encode()
        return address

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        placeholder = request.headers.get("authorization", "").removeprefix("Bearer ")
        route = self._routes.get(placeholder)
        if route is None or request.host != self._host:
            return web.Response(status=403)
        if not route.permits(request.method, request.raw_path):
            return web.Response(status=404)
        body = await request.read()
        headers = {name: value for name in _REQUEST_HEADERS if (value := request.headers.get(name)) is not None}
        try:
            return await self._send(route, placeholder, request, headers, body)
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            explained = _explain(error, self.upstream, self._network)
            if explained is None:
                return _reset(request)
            status, why = explained
            route.errors[headers.get("client-request-id", "")] = why
            # For the command, which sees only this. Others find the error in the route.
            told = {"error": {"code": _NEVER_SENT, "message": why.message}}
            return web.Response(status=status, body=json.dumps(told))

    async def _send(
        self, route: Route, placeholder: str, request: web.Request, headers: dict[str, str], body: bytes
    ) -> web.StreamResponse:
        most = _MAX_PAGE if request.method == "GET" else _MAX_RESPONSE
        async with self._session.request(
            request.method,
            URL(self.upstream + request.raw_path, encoded=True),
            data=body or None,
            headers={**headers, "authorization": f"Bearer {route.tokens[placeholder].value}"},
            allow_redirects=False,
            proxy=self._network.proxy,
        ) as response:
            received = bytearray()
            while len(received) < most and (part := await response.content.read(_MAX_RESPONSE)):
                received += part
            cleaned = route.clean_body(bytes(received[:most]))
            # The reader follows only links to the address that it sends to.
            result = web.Response(status=response.status, body=self._next_link.sub(self._here, cleaned))
            result.headers.popall("content-type", None)
            for name in _RESPONSE_HEADERS:
                for value in response.headers.getall(name, ()):
                    raw = route.clean(value.encode(errors="surrogateescape"))
                    result.headers.add(name, raw.decode(errors="replace"))
            result.headers.setdefault("date", "")  # aiohttp would add one.
            return result


async def _add_nothing(_: web.Request, response: web.StreamResponse) -> None:
    """Removes what the upstream did not send."""
    response.headers.popall("server", None)
    if response.headers.get("date") == "":
        response.headers.popall("date", None)


def _reset(request: web.Request) -> web.StreamResponse:
    """Closes the connection without a response: whether the request was applied is not known."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _explain(error: Exception, upstream: str, network: Network) -> tuple[int, Error] | None:
    """Returns a status for the plugin and an error for the caller if the request was certainly never
    sent, or else None."""
    way = upstream if network.proxy is None else f"{upstream} through the proxy"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        if error.status == 407:
            why = f"the proxy requires authentication: put user name and password into {_proxy_variable(upstream)}"
            return _ENDS_THE_CALL, Error("unreachable", why)
        return _MAY_PASS, Error("unreachable", f"the proxy refuses a connection to {upstream} with {error.status}")
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError)):
        certificate = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
        if isinstance(certificate, ssl.SSLCertVerificationError):
            why = (
                f"the certificate of {way} is not trusted ({printable(certificate.verify_message)}): set"
                " REQUESTS_CA_BUNDLE, or SSL_CERT_FILE if that is not set, to a file with the certificates to trust,"
                " such as the root of the company's proxy"
            )
            return _ENDS_THE_CALL, Error("unreachable", why)
        return _MAY_PASS, Error("unreachable", f"no TLS connection to {way}: {printable(str(certificate))}")
    needs_none = network.proxy is not None or is_loopback(URL(upstream).host)
    hint = "" if needs_none else f"; is {_proxy_variable(upstream)} needed here?"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return _MAY_PASS, Error("unreachable", f"no connection to {way} within {_MAX_CONNECT_TIME:.0f} s{hint}")
    if isinstance(error, aiohttp.ClientConnectorError):
        return _MAY_PASS, Error("unreachable", f"no connection to {way}: {printable(str(error.os_error))}{hint}")
    return None


def _proxy_variable(upstream: str) -> str:
    return "HTTPS_PROXY" if upstream.startswith("https:") else "HTTP_PROXY"


_forwarders: dict[str, Forwarder] = {}
_starting = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def forwarder_to(upstream: str) -> Forwarder:
    """The forwarder with this upstream, which is started with the first call. Raises ValueError if
    the environment names a proxy or certificates that cannot be used."""
    with _starting:
        if upstream not in _forwarders:
            _forwarders[upstream] = Forwarder(upstream)
        return _forwarders[upstream]


@atexit.register
def _close() -> None:
    """Closes the connections: aiohttp would complain when the process ends."""
    if was_forked():
        return
    for forwarder in _forwarders.values():
        try:
            _in_loop(forwarder.close(), seconds=1)
        except concurrent.futures.TimeoutError:
            pass


def _in_loop(work: Coroutine[Any, Any, Result], seconds: float | None = None) -> Result:
    global _loop
    if _loop is None:
        _loop = asyncio.new_event_loop()
        threading.Thread(target=_loop.run_forever, name="entra-risk-forwarder", daemon=True).start()
    return asyncio.run_coroutine_threadsafe(work, _loop).result(seconds)
