"""Small client of S3 and Azure Blob for the servers that stores.sh starts; standard library only.

    store_client.py ports N
        prints N free loopback ports
    store_client.py prepare good|liar s3|az PORT BUCKET KEY SECRET PID
        waits until the server of process PID has created BUCKET and stored an object in it, then creates one
        key twice with `If-None-Match: *`: a good server refuses the second and keeps the first, a liar overwrites.
        Exits 1 when the server is not what it is said to be.
"""

import base64
import datetime
import hashlib
import hmac
import os
import random
import socket
import sys
import time
import urllib.error
import urllib.request

WAIT_SECONDS = 60
# Below the ports that Linux, macOS and Windows give to outgoing connections, so that none of these takes one
# before its server does.
PORTS = range(10_000, 32_000)
CONTENT_TYPE = "application/octet-stream"
AZURE_VERSION = "2021-08-06"
# The emulator's documented account, the same in every installation.
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def free_ports(count):
    """Returns ports that were free together a moment ago."""
    held = []
    for port in random.sample(PORTS, len(PORTS)):
        if len(held) == count:
            break
        try:
            held.append(socket.create_server(("127.0.0.1", port)))
        except OSError:
            continue
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


class S3:
    """Signs requests with AWS Signature Version 4."""

    def __init__(self, port, key, secret):
        self.host, self.key, self.secret = f"127.0.0.1:{port}", key, secret

    def create_bucket(self, bucket):
        return self.request("PUT", f"/{bucket}")

    def request(self, method, path, body=b"", extra=None):
        stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        content = hashlib.sha256(body).hexdigest()
        headers = {"host": self.host, "x-amz-content-sha256": content, "x-amz-date": stamp, **(extra or {})}
        names = sorted(headers)
        listed = "".join(f"{name}:{headers[name]}\n" for name in names)
        signed = ";".join(names)
        canonical = f"{method}\n{path}\n\n{listed}\n{signed}\n{content}"
        scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        derived = b"AWS4" + self.secret.encode()
        for part in [*scope.split("/"), text]:
            derived = hmac.new(derived, part.encode(), hashlib.sha256).digest()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.key}/{scope}, SignedHeaders={signed}, Signature={derived.hex()}"
        )
        return send(f"http://{self.host}{path}", method, headers, body)


class Azure:
    """Signs requests with Azure's Shared Key."""

    def __init__(self, port, *_):
        self.base = f"http://127.0.0.1:{port}/{AZURE_ACCOUNT}"

    def create_bucket(self, bucket):
        return self.request("PUT", f"/{bucket}", query=("restype", "container"))

    def request(self, method, path, body=b"", extra=None, query=None):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
        headers = {"x-ms-date": now, "x-ms-version": AZURE_VERSION}
        if method == "PUT" and not query:
            headers["x-ms-blob-type"] = "BlockBlob"
        plain = extra or {}
        length = str(len(body)) if body else ""
        kind = CONTENT_TYPE if method == "PUT" else ""
        fields = [method, "", "", length, "", kind, "", "", "", plain.get("if-none-match", ""), "", ""]
        fields += [f"{name}:{headers[name]}" for name in sorted(headers)]
        resource = f"/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}{path}" + (f"\n{query[0]}:{query[1]}" if query else "")
        text = "\n".join([*fields, resource])
        mac = hmac.new(base64.b64decode(AZURE_KEY), text.encode(), hashlib.sha256).digest()
        headers |= {"authorization": f"SharedKey {AZURE_ACCOUNT}:{base64.b64encode(mac).decode()}", **plain}
        url = self.base + path + (f"?{query[0]}={query[1]}" if query else "")
        return send(url, method, headers, body)


def send(url, method, headers, body):
    """Sends one request; returns status and body, whatever the status."""
    if method == "PUT":
        headers = {**headers, "content-type": CONTENT_TYPE}  # else urllib says it is a form, and servers believe it
    request = urllib.request.Request(url, data=body if method == "PUT" else None, method=method, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def wait_until_it_stores(client, bucket, pid):
    """Creates the bucket and an object in it, as often as needed.

    A server of several parts may make a bucket long before it can store: seaweedfs's volumes join five seconds
    later when they meet a master that is still being elected.
    """
    end = time.monotonic() + WAIT_SECONDS
    wait_for("bucket", lambda: client.create_bucket(bucket), (200, 201, 409), pid, end)
    wait_for("object", lambda: client.request("PUT", f"/{bucket}/ready", b"ready"), (200, 201), pid, end)


def wait_for(what, ask, answers, pid, end):
    """Asks until the status is one of `answers`."""
    seen = "nothing"
    while time.monotonic() < end:
        try:
            status, body = ask()
            if status in answers:
                return
            seen = f"{status} {body[:200]!r}"
        except OSError as error:
            seen = str(error)
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            sys.exit(f"the server ended; last answer: {seen}")
        time.sleep(0.2)
    sys.exit(f"no {what} within {WAIT_SECONDS} s; last answer: {seen}")


def create_twice(client, bucket):
    """Creates one key twice; returns both statuses and the content found afterwards."""
    path, absent = f"/{bucket}/probe-{os.getpid()}", {"if-none-match": "*"}
    first, _ = client.request("PUT", path, b"first", absent)
    second, _ = client.request("PUT", path, b"second", absent)
    _, content = client.request("GET", path)
    return first, second, content


def prepare(kind, scheme, port, bucket, key, secret, pid):
    client = {"s3": S3, "az": Azure}[scheme](port, key, secret)
    wait_until_it_stores(client, bucket, int(pid))
    found = create_twice(client, bucket)
    first, second, content = found
    good = first in (200, 201) and second in (409, 412) and content == b"first"
    liar = first in (200, 201) and second in (200, 201) and content == b"second"
    print(f"{bucket}: If-None-Match: * twice: {first}, {second}, content {content.decode(errors='replace')!r}")
    if not {"good": good, "liar": liar}[kind]:
        sys.exit(f"{bucket} is not {kind}")


def main(arguments):
    match arguments:
        case ["ports", count]:
            print(*free_ports(int(count)))
        case ["prepare", *rest] if len(rest) == 7:
            prepare(*rest)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
