"""What schemathesis has to be told of Printbell beside docs/openapi.json."""

import base64
import hashlib
import hmac
import json
import os

import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree

# What a field that keeps its schema may still be refused for: the beginning of its JSON pointer or its name, and of the rule.
BEYOND_A_SCHEMA = (
    # It depends on what is stored, or on another field.
    ("/appToken", "is required: the registration has none yet"),
    ("/metadata/", "is no place for the token"),
    # Sums, and bytes where a schema counts characters.
    ("/metadata/", "names and values can have at most 512 bytes together"),
    ("/completionUrl", "can have at most 16384 bytes"),
    # What was copied with a token, or is in a URL.
    ("/appToken", "must be the token alone"),
    ("/completionUrl", "has no appApiToken"),
    ("/completionUrl", "has an appApiToken that can't be one"),
    ("/completionUrl", "says success=false"),
    ("/completionUrl", "has success twice"),
    ("/completionUrl", "has appApiToken twice"),
    ("/completionUrl", "has id twice"),
    # Opaque.
    ("next", "must be the `next` of an earlier page of the same list"),
)


def is_beyond_a_schema(error):
    return any(error["field"].startswith(field) and error["rule"].startswith(rule) for field, rule in BEYOND_A_SCHEMA)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Drops that good data was refused, where every rule that it broke is one that no schema can say; and that a registration is still
    shown after a DELETE that was answered 202, as `deleting`."""
    if isinstance(failure, UseAfterFree) and response.status_code == 200:
        return json.loads(response.content).get("status") != "deleting"
    if not isinstance(failure, RejectedPositiveData) or response.status_code != 400:
        return True
    errors = json.loads(response.content).get("errors", [])
    return not errors or not all(is_beyond_a_schema(error) for error in errors)


@schemathesis.auth().apply_to(path="/octoeverywhere/webhook")
class CallbackToken:
    """Signs a callback as Printbell has signed its URL: `{keyId}.{base64url of HMAC-SHA256(key, tenantId ‖ 0x00 ‖ printerRef)}`."""

    def get(self, case, context):
        return os.environ["CALLBACK_KEY"].split(".", 1)

    def set(self, case, data, context):
        key_id, key = data
        query = case.query or {}
        ids = "\0".join(str(query.get(name, "")) for name in ("tenantId", "printerRef"))
        mac = hmac.new(key.encode(), ids.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
        token = base64.urlsafe_b64encode(mac).decode().rstrip("=")
        case.query = {**query, "callbackToken": f"{key_id}.{token}"}
