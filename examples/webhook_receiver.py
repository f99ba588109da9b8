"""Print the events that a webhook sends: python -m examples.webhook_receiver 8000 whsec_…"""

import base64
import hashlib
import hmac
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer


class Receiver(BaseHTTPRequestHandler):
    """Checks the signature of each event, and prints it."""

    secret = b""

    def do_POST(self) -> None:
        """Answer an event."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        id_, sent = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        digest = hmac.new(self.secret, f"{id_}.{sent}.".encode() + body, hashlib.sha256).digest()
        expected = f"v1,{base64.b64encode(digest).decode()}"
        signatures = self.headers["webhook-signature"].split()
        signed = any(hmac.compare_digest(expected, signature) for signature in signatures)
        trusted = signed and abs(time.time() - int(sent)) < 300
        event = json.loads(body) if trusted else {}
        if trusted:
            # Keep the ids of the last days and drop an event whose id you know.
            print(event["type"], id_, json.dumps(event["data"]), flush=True)
        answer = json.dumps(event["data"] if event.get("type") == "webhook.challenged" else {})
        self.send_response(200 if trusted else 401)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())


if __name__ == "__main__":
    Receiver.secret = base64.b64decode(sys.argv[2].removeprefix("whsec_"))
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
