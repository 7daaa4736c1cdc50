"""hook.py: a receiver of webhooks, for messages.sh.

  python3 hook.py PORT FOLDER [CERTIFICATE KEY]

How it answers is read from FOLDER/answer before each request: a status, "flood" for an answer
without end, or "silent" for none. Each request becomes a line of JSON in FOLDER/requests. Whether
the signature is right is what the function of doc/webhook.md says of it.
"""
import http.server
import json
import pathlib
import ssl
import sys

port, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])
page = {}
exec((folder / "is_genuine.py").read_text(), page)
secret = (folder / "secret").read_bytes().strip()


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signed = "X-Postern-Signature" in self.headers
        with open(folder / "requests", "a") as requests:
            print(json.dumps({
                "path": self.path,
                "type": self.headers["Content-Type"],
                "signed": signed,
                "genuine": signed and page["is_genuine"](self.headers, body, secret),
                "tampered": signed and page["is_genuine"](self.headers, body + b" ", secret),
                "body": json.loads(body),
            }), file=requests)
        self.reply((folder / "answer").read_text().strip())

    def reply(self, answer):
        if answer == "silent":
            self.rfile.read(1)  # until the other side gives up
            return
        self.send_response(200 if answer == "flood" else int(answer))
        self.send_header("Location", "/elsewhere")
        if answer != "flood":
            self.send_header("Content-Length", "0")
        self.end_headers()
        try:
            while answer == "flood":
                self.wfile.write(b"x" * 65536)
        except OSError:
            pass

    do_GET = do_POST

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Hook)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
