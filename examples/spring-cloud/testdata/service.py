"""A service on py_eureka_client: registers, answers /hello, and calls Go by name at /call-go."""

import json
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import py_eureka_client.eureka_client as eureka_client


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        status, body = 200, ""
        if self.path == "/call-go":
            try:
                body = eureka_client.do_service("GO-SERVICE", "/hello")
            except Exception as problem:  # not known yet: the caller asks again
                status, body = 503, str(problem)
        else:
            body = json.dumps({"service": "python-service", "instance": "", "port": self.server.server_port})
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
eureka_client.init(
    eureka_server=sys.argv[1],
    app_name="python-service",
    instance_host="localhost",
    instance_ip="127.0.0.1",
    instance_port=server.server_port,
    renewal_interval_in_secs=1,
    duration_in_secs=3,
)
print("serving on", server.server_port, flush=True)
signal.sigwait({signal.SIGTERM, signal.SIGINT})
eureka_client.stop()
server.shutdown()
