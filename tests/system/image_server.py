# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A web server for images whose link breaks where a test says so. It knows Range and If-Range (RFC 9110, 13 and 14), and writes down what
it was asked for."""
import http.server
import re
import threading


class ImageServer:
    def __init__(self, tls=None):
        """@tls: an ssl.SSLContext, for https."""
        self.images, self.requests, self.sent = {}, [], 0
        self.cuts = []  # offsets in the image at which the connection breaks, one after another
        self.stall_at = None  # offset at which nothing more is sent, until it is None again
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def do_GET(self):
                server._answer(self)

            def handle(self):
                try:
                    super().handle()
                except OSError:
                    pass  # a handshake that failed, or a link that is gone

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._scheme = "https" if tls else "http"
        if tls:  # the handshake is done by the thread of the link: one that fails must not end the server
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def url(self, name):
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}/{name}"

    def end(self):
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler):
        image = self.images.get(handler.path[1:])
        if image is None:
            handler.send_error(404)
            return
        tag, first = f'"{hash(image) & 0xffffffff:x}"', 0
        wanted = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        if wanted and handler.headers.get("If-Range") == tag:
            first = int(wanted[1])
        self.requests.append(first)
        handler.send_response(206 if first else 200)
        handler.send_header("ETag", tag)
        handler.send_header("Content-Length", str(len(image) - first))
        if first:
            handler.send_header("Content-Range", f"bytes {first}-{len(image) - 1}/{len(image)}")
        handler.end_headers()
        self._send(handler, image, first)

    def _send(self, handler, image, first):
        cut = next((cut for cut in self.cuts if cut > first), None)
        if cut is not None:
            self.cuts.remove(cut)
        end = len(image) if cut is None else cut
        while first < end:
            if self.stall_at is not None and first >= self.stall_at:
                threading.Event().wait(0.02)
                continue
            piece = image[first:min(first + 16384, end)]
            try:
                handler.wfile.write(piece)
            except OSError:
                return
            first += len(piece)
            self.sent += len(piece)
