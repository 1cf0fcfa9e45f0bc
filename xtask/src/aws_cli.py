"""Lays out the AWS CLI, version 2, in the virtual environment whose Python runs this.

AWS publishes it on PyPI only as a Lambda layer, within a package for its CDK; it is the same program as that of the
installer. It is for Linux on x86_64: elsewhere nothing is laid out, and `aws` is whichever the machine has.
"""

import io
import os
import pathlib
import platform
import sys
import sysconfig
import tarfile
import zipfile

if (sys.platform, platform.machine()) == ("linux", "x86_64"):
    package = pathlib.Path(sysconfig.get_path("purelib"), "aws_cdk/asset_awscli_v2/_jsii")
    with tarfile.open(next(package.glob("*.tgz"))) as archive:
        layer = zipfile.ZipFile(io.BytesIO(archive.extractfile("package/lib/layer.zip").read()))
    home = pathlib.Path(sys.prefix, "aws-cli")
    for entry in layer.infolist():
        before, dist, path = entry.filename.partition("/dist/")
        if not dist or entry.is_dir() or not before.startswith("awscli/v2/"):
            continue
        target = home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(layer.read(entry))
        target.chmod(entry.external_attr >> 16 & 0o777)
    os.symlink("../aws-cli/aws", pathlib.Path(sys.prefix, "bin/aws"))
