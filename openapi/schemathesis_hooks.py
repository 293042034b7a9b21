"""How schemathesis writes bodies that it knows no form for (tests/contract.sh names this file)."""

import schemathesis

# A file of one JSON document a line is sent as the text that it is.
schemathesis.serializer.alias("application/x-ndjson", "text/plain")
