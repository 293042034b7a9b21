"""A partner's receiver: every delivery is verified by PyPI `standardwebhooks`, `cryptography` and `cloudevents`.

webhooks.py URL PARTNER-TOKEN CUSTODIAN-TOKEN: subscribes twice for the custodian, once by a shared secret and once by a public
key, asks about an invented child as the partner, and takes what a running region sends, over real sockets: the notice to the
authority, again after a first refusal, and after the secret was changed. What was altered on its way must not verify.
"""

import base64
import json
import queue
import sys
import threading
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

url, partner_token, custodian_token = sys.argv[1:]
# A demo on a busy machine: a delivery that was refused comes again after five seconds.
WITHIN_SECONDS = 120


def call(token, method, path, body=None, **headers):
    request = urllib.request.Request(url + path, method=method, data=None if body is None else json.dumps(body).encode())
    request.add_header("Authorization", f"Bearer {token}")
    if body is not None:
        request.add_header("Content-Type", "application/json")
    if method == "POST":
        request.add_header("Idempotency-Key", str(uuid.uuid4()))
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
        return answer.headers, json.loads(text) if text else None


class Receiver:
    """Takes what is sent; refuses the very first, as a receiver does that is being restarted."""

    def __init__(self):
        self.sent = queue.Queue()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            refused = False

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                refuse, Handler.refused = not Handler.refused, True
                receiver.sent.put((dict(self.headers), body, refuse))
                self.send_response(503 if refuse else 204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/events"

    def next(self):
        return self.sent.get(timeout=WITHIN_SECONDS)


def verified_by_secret(secret, headers, body):
    Webhook(secret).verify(body, headers)


def verified_by_key(key, headers, body):
    plain = {name.lower(): value for name, value in headers.items()}
    signed = f"{plain['webhook-id']}.{plain['webhook-timestamp']}.".encode() + body
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.removeprefix("whpk_")))
    signatures = [part.split(",", 1) for part in plain["webhook-signature"].split(" ")]
    for version, signature in signatures:
        if version == "v1a":
            return public.verify(base64.b64decode(signature), signed)
    raise InvalidSignature


VERIFIERS = {"hmac-sha256": (verified_by_secret, WebhookVerificationError), "ed25519": (verified_by_key, InvalidSignature)}


def event(headers, body):
    plain = {name.lower(): value for name, value in headers.items()}
    assert plain["content-type"].split(";")[0] == "application/cloudevents+json", plain
    found = from_http_event(HTTPMessage(headers=plain, body=body))
    assert found.get_specversion() == "1.0" and found.get_id() == plain["webhook-id"], found.get_attributes()
    assert found.get_time().tzinfo is not None and found.get_source() and found.get_subject(), found.get_attributes()
    return found


taken = 0
for signing, (verify, refusal) in VERIFIERS.items():
    receiver = Receiver()
    wanted = {"url": receiver.url, "eventTypes": ["cofrestr.notice.*", "cofrestr.webhook.test"], "signing": signing}
    _, webhook = call(custodian_token, "POST", "/v1/webhooks", wanted)
    path = f"/v1/webhooks/{webhook['id']}"
    secret = call(custodian_token, "GET", f"{path}/secret")[1]["secret"]

    question = {"reason": "hospital-attendance", "child": {"nhsNumber": "9990001006"}}
    _, check = call(partner_token, "POST", "/v1/checks", question)
    # Other notices may come between: of each delivery that is taken it is enough that it verifies.
    refused, repeated, told = set(), False, None
    while not (repeated and told):
        headers, body, was_refused = receiver.next()
        verify(secret, headers, body)
        found = event(headers, body)
        if was_refused:
            refused.add(found.get_id())
            continue
        repeated = repeated or found.get_id() in refused
        if found.get_type() == "cofrestr.notice.enquiry":
            _, notice = call(custodian_token, "GET", found.get_subject())
            told = (headers, body) if notice["checkId"] == check["id"] else told
    headers, body = told

    for altered in (body.replace(b"enquiry", b"enquirY"), body + b" "):
        try:
            verify(secret, headers, altered)
        except refusal:
            continue
        raise AssertionError("what was altered on its way verifies")

    # Both secrets sign while a receiver changes from one to the other.
    etag = call(custodian_token, "GET", path)[0]["etag"]
    call(custodian_token, "POST", f"{path}/rotation", {}, If_Match=etag)
    changed = call(custodian_token, "GET", f"{path}/secret")[1]["secret"]
    assert changed != secret
    etag = call(custodian_token, "GET", path)[0]["etag"]
    call(custodian_token, "POST", f"{path}/test", {}, If_Match=etag)
    # A notice that was on its way already has the former signature alone.
    headers, body, _ = receiver.next()
    while event(headers, body).get_type() != "cofrestr.webhook.test":
        headers, body, _ = receiver.next()
    verify(changed, headers, body)
    if signing == "hmac-sha256":
        verify(secret, headers, body)
    taken += 3

    etag, webhook = call(custodian_token, "GET", path)
    ended = {"url": receiver.url, "status": "ended"}
    call(custodian_token, "PUT", path, ended, If_Match=etag["etag"])
print(f"standardwebhooks, cryptography, cloudevents: {taken} deliveries verified")
