"""A PostgreSQL of Debian's and an MLflow server before it, started for real in a folder of their own and ended again.

Nobody gets in without a password: PostgreSQL asks for one, and so does the server. Both passwords come from the
environment, as a user's would.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DEBIAN = Path("/usr/lib/postgresql")
USER = "ace"
START_LIMIT_S = 120
AUTH = """[mlflow]
default_permission = EDIT
database_uri = sqlite:///{folder}/auth.db
admin_username = {user}
admin_password = {password}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 300
"""
"""Without the last line MLflow works a password's hash out at each of the requests that a cell makes."""


@dataclass(frozen=True)
class Postgres:
    """A database server with one empty database, `mlflow`."""

    port: int
    password: str
    programs: Path

    @property
    def uri(self) -> str:
        """Without its password."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/mlflow"

    @property
    def environment(self) -> dict[str, str]:
        """How libpq takes the password."""
        return {**os.environ, "PGPASSWORD": self.password}

    def dump(self) -> str:
        """Everything in the database, as text."""
        command = [self.programs / "pg_dump", "--dbname", self.uri]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout


@dataclass(frozen=True)
class Served:
    """A running server. `secrets`: what may be written nowhere. `environment`: how its users are let in."""

    uri: str
    postgres: Postgres
    artifacts: Path
    environment: Mapping[str, str]
    secrets: tuple[str, ...]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Its files belong to a user of their own where root starts it: initdb refuses root."""
    found = sorted(DEBIAN.glob("*/bin/initdb")) or [Path(program) for program in [shutil.which("initdb")] if program]
    assert found, "PostgreSQL is not installed (Debian: apt-get install postgresql)"
    programs, port, password = found[-1].parent, free_port(), secrets.token_hex(12)
    as_owner = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="ace-postgres-"))
    try:
        (folder / "password").write_text(password)
        if as_owner:
            shutil.chown(folder, "postgres")
            shutil.chown(folder / "password", "postgres")

        def run(program: str, *arguments: str) -> None:
            command = [*as_owner, str(programs / program), "-D", str(folder / "data"), *arguments]
            # with a pipe for its words, pg_ctl would be waited for as long as the server lives
            with (folder / f"{program}.log").open("w") as log:
                subprocess.run(command, cwd=folder, stdout=log, stderr=log, check=True)

        run("initdb", "--auth=scram-sha-256", f"--username={USER}", f"--pwfile={folder / 'password'}", "--no-sync")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
        run("pg_ctl", "--wait", "--log", str(folder / "server.log"), "--options", options, "start")
        try:
            made = Postgres(port, password, programs)
            command = [programs / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", USER, "mlflow"]
            subprocess.run(command, env=made.environment, check=True)
            yield made
        finally:
            run("pg_ctl", "--wait", "--mode=immediate", "stop")
    finally:
        shutil.rmtree(folder)


@contextmanager
def mlflow_server(folder: Path, database: Postgres) -> Iterator[Served]:
    """MLflow's own, with its basic authentication and files behind its proxy."""
    port, password = free_port(), secrets.token_hex(12)
    (folder / "auth.ini").write_text(AUTH.format(folder=folder, user=USER, password=password))
    command = [
        sys.executable, "-m", "mlflow", "server", "--backend-store-uri", database.uri, "--serve-artifacts",
        "--artifacts-destination", str(folder / "artifacts"), "--host", "127.0.0.1", "--port", str(port),
        "--workers", "2", "--app-name", "basic-auth",
    ]  # fmt: skip
    environment = {
        **database.environment,
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(12),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # half the start and a quarter of the memory
    }
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        _await(f"http://127.0.0.1:{port}/health", server, folder / "server.log")
        let_in = {"MLFLOW_TRACKING_USERNAME": USER, "MLFLOW_TRACKING_PASSWORD": password}
        uri = f"http://127.0.0.1:{port}"
        yield Served(uri, database, folder / "artifacts", let_in, (password, database.password))
    finally:
        # its workers too, and nobody else's: they share its session
        subprocess.run(["pkill", "-KILL", "-s", str(server.pid)], check=False)
        server.wait(30)


def _await(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            assert server.poll() is None, f"the MLflow server ended:\n{log.read_text()[-2000:]}"
            assert time.monotonic() < deadline, "the MLflow server did not come up"
            time.sleep(0.3)
