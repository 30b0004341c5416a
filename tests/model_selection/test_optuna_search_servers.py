"""Storages that are servers: databases, Optuna's proxy; and joblib's dask backend."""

from __future__ import annotations

import os
import pickle
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score


class Stop(Exception):  # noqa: N818 - it stands for Ctrl-C
    """What ends a fit in the tests below."""


def stop_at_once(study: Any, trial: Any) -> None:
    """End the search after its first trial."""
    raise Stop


def free_port() -> int:
    """Return a port that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


def test_database_is_a_storage(make_search: Any, iris: Any, tmp_path: Path) -> None:
    """By its URL, for two searches one after the other."""
    url = f"sqlite:///{tmp_path}/trials.db"
    search = make_search(n_trials=3, storage=url, study_name="a", report_every=2)
    search.set_params(callbacks=[stop_at_once])
    with pytest.raises(Stop):
        search.fit(*iris)
    resumed = clone(search).set_params(resume=True, callbacks=None).fit(*iris)
    assert len(resumed.study_.trials) == 3
    assert pickle.loads(pickle.dumps(resumed)).best_score_ == resumed.best_score_


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[str]:
    """Start Optuna's gRPC proxy and return its URL."""
    pytest.importorskip("grpc", reason="the proxy needs grpcio")
    code = (
        "import sys, optuna\n"
        "from optuna.storages.journal import JournalFileBackend, JournalStorage\n"
        "storage = JournalStorage(JournalFileBackend(sys.argv[1]))\n"
        "optuna.storages.run_grpc_proxy_server(storage, port=int(sys.argv[2]))\n"
    )
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "journal.log"), str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        yield f"grpc://localhost:{port}"
        process.kill()


@pytest.mark.slow
def test_proxy_is_a_storage(make_search: Any, iris: Any, proxy: str) -> None:
    """Optuna's gRPC server, for two workers."""
    search = make_search(n_trials=4, storage=proxy, study_name="a").fit(*iris)
    search.set_params(resume=True, n_trials=6, n_jobs=2).fit(*iris)
    assert len(search.study_.trials) == 6


def postgres_programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, where they are installed."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = shutil.which("initdb")
    folders = [*reversed(debian), *([Path(found).parent] if found else [])]
    return next((f for f in folders if (f / "postgres").exists()), None)


@pytest.fixture
def database() -> Iterator[str]:
    """Start a PostgreSQL server of its own and return the URL of its database."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed")
    pytest.importorskip("psycopg2", reason="the driver of PostgreSQL is missing")
    # It refuses to run as root.
    as_root = os.geteuid() == 0
    user: dict[str, Any] = {"user": "nobody"} if as_root else {}
    folder = Path(tempfile.mkdtemp(prefix="skdeep-postgres-"))
    if as_root:
        shutil.chown(folder, "nobody")
    port = free_port()
    data = ["-D", str(folder / "data")]
    command = [str(programs / "initdb"), *data, "-U", "me", "-A", "trust"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, **user)
    server = [str(programs / "postgres"), *data, "-k", str(folder)]
    try:
        with subprocess.Popen(
            [*server, "-p", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            **user,
        ) as process:
            url = f"postgresql+psycopg2://me@localhost:{port}/postgres"
            try:
                wait_for_server(url)
                yield url
            finally:
                # Without waiting for connections that others hold.
                process.send_signal(signal.SIGINT)
    finally:
        shutil.rmtree(folder)


def wait_for_server(url: str) -> None:
    """Wait until a database answers."""
    import sqlalchemy

    deadline = time.monotonic() + 60
    while True:
        try:
            sqlalchemy.create_engine(url).connect().close()
        except sqlalchemy.exc.OperationalError:
            assert time.monotonic() < deadline, "PostgreSQL has not started"
            time.sleep(0.2)
        else:
            return


@pytest.mark.slow
def test_postgresql_is_a_storage(make_search: Any, iris: Any, database: str) -> None:
    """For two workers, resumed after a worker's trial was broken off."""
    search = make_search(
        n_trials=5, storage=database, study_name="a", callbacks=[stop_at_once]
    )
    with pytest.raises(Stop):
        search.fit(*iris)
    search.set_params(resume=True, callbacks=None, n_jobs=2).fit(*iris)
    assert len(search.study_.trials) == 5
    net = clone(search.estimator).set_params(**search.best_params_)
    assert search.best_score_ == cross_val_score(net, *iris, cv=3).mean()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_dask_runs_the_workers(make_search: Any, iris: Any, tmp_path: Path) -> None:
    """A cluster on this machine, over one journal."""
    distributed = pytest.importorskip("distributed", reason="dask is not installed")
    drawn = random.getstate()
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        path = tmp_path / "journal.log"
        search = make_search(n_trials=6, n_jobs=2, storage=path).fit(*iris)
    # dask draws the pauses between its attempts to connect.
    random.setstate(drawn)
    assert len(search.study_.trials) == 6
    pids = {t.user_attrs["skdeep:lease"]["pid"] for t in search.study_.trials}
    assert os.getpid() not in pids
