"""A token endpoint on loopback that exchanges any assertion for one token."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class Authority:
    """Serves from its start until `stop`."""

    def __init__(self, token: str) -> None:
        self.requests = 0
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                authority.requests += 1
                form = self.rfile.read(int(self.headers["content-length"]))
                response = {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
                content = json.dumps(response if b"client_assertion=" in form else {"error": "invalid_client"}).encode()
                self.send_response(200 if b"client_assertion=" in form else 400)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Nothing: the log of the test is that of the gateway."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
