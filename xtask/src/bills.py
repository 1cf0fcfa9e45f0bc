"""Holds bills of materials to CycloneDX's schema, strictly: what it doesn't know is an error, too."""

import json
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

broken = False
for path in map(Path, sys.argv[1:]):
    text = path.read_text()
    bill = json.loads(text)
    error = JsonStrictValidator(SchemaVersion.from_version(bill["specVersion"])).validate_str(text)
    if error is not None:
        broken = True
        # The rest of it is the schema.
        print(f"{path}: {str(error).splitlines()[0]}")
    else:
        print(f"{path}: {len(bill['components'])} components")
sys.exit(broken)
