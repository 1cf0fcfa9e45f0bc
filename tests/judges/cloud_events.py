"""Reads messages by the CNCF's SDK for CloudEvents (https://github.com/cloudevents/sdk-python), which refuses what is none.

`cloud_events.py FILE…`: each line is one message and its SNS attributes: {"message": "…", "attributes": {"event": "…"}}.
"""

import json
import sys
from datetime import timezone
from pathlib import Path

from cloudevents.core.bindings.http import HTTPMessage, from_http_event, from_structured, to_structured
from cloudevents.core.formats.json import JSONFormat

FORMAT = JSONFormat()
HEADERS = {"content-type": "application/cloudevents+json"}
PREFIXES = ("com.octoeverywhere.", "dev.printbell.")


def judge(message, attributes):
    """Tells what is wrong with a message."""
    plain = json.loads(message)
    event = FORMAT.read(None, message)
    over_http = HTTPMessage(headers=HEADERS, body=message.encode("utf-8", "surrogatepass"))
    assert from_http_event(over_http).get_attributes() == event.get_attributes(), "HTTP says something else"
    # Every member is an attribute, but for the data; and the time is one.
    data = plain.pop("data")
    read = dict(event.get_attributes())
    time = read.pop("time")
    assert event.get_data() == data, "the data is another one"
    assert time.astimezone(timezone.utc).isoformat(timespec="milliseconds") == plain.pop("time").replace("Z", "+00:00"), time
    assert read == plain, (read, plain)
    assert event.get_datacontenttype() == "application/json"
    # It can be written again, and is the same event.
    again = from_structured(to_structured(event, FORMAT), FORMAT)
    assert (again.get_attributes(), again.get_data()) == (event.get_attributes(), data), "it doesn't survive the SDK"
    # What is filtered by says what the event says.
    assert any(event.get_type() == prefix + attributes["event"] for prefix in PREFIXES), attributes
    for name in ("tenantId", "printerRef", "outcome"):
        assert attributes.get(name) == event.get_extension(name.lower()), (name, attributes)
    source = event.get_source()
    if "printerId" in attributes:
        assert source.startswith("https://octoeverywhere.com/printers/"), source
    return event.get_type()


def main(files):
    types, count, faults = set(), 0, []
    for file in files:
        for line in filter(None, Path(file).read_text().split("\n")):
            sample = json.loads(line)
            count += 1
            try:
                types.add(judge(sample["message"], sample["attributes"]))
            except Exception as error:
                faults.append(f"{type(error).__name__}: {error}\n  {sample['message']}")
    for fault in faults[:20]:
        print(fault, file=sys.stderr)
    print(f"{count} messages of {len(types)} types read by the CNCF's SDK, {len(faults)} faults")
    return 1 if faults or not count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
