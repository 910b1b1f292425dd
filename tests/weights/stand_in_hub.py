"""A hub on this machine, with what of Hugging Face's interface fetching and putting files takes."""

import base64
import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub:
    """files: by repository, of its newest commit. url: where it answers."""

    def __init__(self, url: str):
        self.url, self.files = url, {}

    def commit(self, repo: str) -> str:
        """The id of the newest, 40 hexadecimal digits."""
        names = sorted(self.files[repo].items())
        return hashlib.sha1(repr(names).encode()).hexdigest()


@contextlib.contextmanager
def serving() -> Iterator[Hub]:
    """A hub for as long as the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    server.hub = Hub(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.hub
    finally:
        server.shutdown()
        server.server_close()


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self._file(with_body=False)

    def do_GET(self):
        self._file(with_body=True)

    def do_POST(self):
        hub = self.server.hub
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            repo = "/".join(filter(None, (asked.get("organization"), asked["name"])))
            hub.files.setdefault(repo, {})
            self._json({"url": f"{hub.url}/{repo}", "id": repo})
        elif self.path.startswith("/api/validate-yaml"):
            self._json({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            told = {"uploadMode": "regular", "shouldIgnore": False, "oid": None}
            files = [{"path": file["path"], **told} for file in json.loads(body)["files"]]
            self._json({"files": files, "commitOid": "0" * 40})
        elif "/commit/" in self.path:
            repo = self.path.removeprefix("/api/models/").partition("/commit/")[0]
            for line in body.splitlines():
                told = json.loads(line)
                if told["key"] == "file":
                    content = base64.b64decode(told["value"]["content"])
                    hub.files[repo][told["value"]["path"]] = content
            commit = hub.commit(repo)
            url = f"{hub.url}/{repo}/commit/{commit}"
            self._json({"commitOid": commit, "commitUrl": url, "success": True})
        else:
            self._refuse(404, "EntryNotFound")

    def _file(self, with_body: bool):
        hub = self.server.hub
        repo, _, rest = self.path.lstrip("/").partition("/resolve/")
        revision, _, name = rest.partition("/")
        if repo not in hub.files:
            self._refuse(401, "RepoNotFound")
        elif revision not in ("main", hub.commit(repo)):
            self._refuse(404, "RevisionNotFound")
        elif name not in hub.files[repo]:
            self._refuse(404, "EntryNotFound")
        else:
            data = hub.files[repo][name]
            self.send_response(200)
            self.send_header("ETag", f'"{hashlib.sha1(data).hexdigest()}"')
            self.send_header("X-Repo-Commit", hub.commit(repo))
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if with_body:
                self.wfile.write(data)

    def _refuse(self, status: int, code: str):
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _json(self, told):
        data = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
