"""A partner's program on the client that PyPI `openapi-python-client` generates from openapi/cofrestr.yaml.

client.py URL PARTNER-TOKEN CUSTODIAN-TOKEN: asks about an invented child, moves another to the next authority, reads the
move, and sends two rows to be imported.
"""

import io
import sys
import time
import uuid

from cofrestr_client import AuthenticatedClient
from cofrestr_client.api.checks import ask_check, read_check
from cofrestr_client.api.imports import add_import, list_import_rows, read_import
from cofrestr_client.api.registrations import list_registrations
from cofrestr_client.api.transfers import add_transfer, read_transfer
from cofrestr_client.models import ChildQuestion, CheckRequest, CheckRequestReason, CheckView, CheckViewOutcome, ImportView, TransferRequest, TransferView
from cofrestr_client.types import File

url, partner_token, custodian_token = sys.argv[1:]
partner = AuthenticatedClient(base_url=url, token=partner_token, raise_on_unexpected_status=True)
custodian = AuthenticatedClient(base_url=url, token=custodian_token, raise_on_unexpected_status=True)


def key() -> str:
    return str(uuid.uuid4())


question = CheckRequest(reason=CheckRequestReason.HOSPITAL_ATTENDANCE, child=ChildQuestion(nhs_number="9990001006"))
answer = ask_check.sync(client=partner, body=question, idempotency_key=key())
assert isinstance(answer, CheckView), answer
assert answer.outcome is CheckViewOutcome.ON_REGISTER, answer.outcome
assert answer.matches[0].contact.now.phone, "whom to ring"
again = read_check.sync(client=partner, id=answer.id)
assert isinstance(again, CheckView) and again.id == answer.id, again

moved = None
for entry in list_registrations.sync(client=custodian, limit=50).items:
    to = "W06000018" if entry.authority != "W06000018" else "W06000022"
    request = TransferRequest(registration_id=entry.id, to=to, note="A tenancy from 1 December")
    moved = add_transfer.sync(client=custodian, body=request, idempotency_key=key())
    if isinstance(moved, TransferView):
        break
assert isinstance(moved, TransferView), moved
read = read_transfer.sync(client=custodian, id=moved.id)
assert isinstance(read, TransferView) and read.to.code == to, read

rows = b"id,given,family,dateOfBirth,authority,status,registeredOn,categories\n"
rows += b"4711,Enfys,Morgan-Sample,2019-03-04,W06000022,registered,2026-01-06,neglect\n4712,,,,W06000022,,,\n"
sent = add_import.sync(client=custodian, body=File(payload=io.BytesIO(rows)), source="client", idempotency_key=key())
assert isinstance(sent, ImportView), sent
for _ in range(60):
    sent = read_import.sync(client=custodian, id=sent.id)
    if sent.ended_at:
        break
    time.sleep(1)
assert sent.progress.rows == 2, sent
invalid = list_import_rows.sync(client=custodian, id=sent.id, code="invalid").items
assert [row.row for row in invalid] == [2] and invalid[0].remarks, invalid
print(f"openapi-python-client: {answer.outcome}, and a move to {read.to.code}")
