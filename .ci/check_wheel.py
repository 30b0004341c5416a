"""Check the wheel that tox built, and the package that was installed from it.

Run with ``python -I`` from a folder outside the checkout, so that nothing but the
installed package can be imported.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
TOP_LEVEL = {"skdeep"}


def check_archive(wheel: Path) -> None:
    """Refuse a wheel with stray files or with metadata an index would refuse."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    roots = {name.split("/")[0] for name in names}
    roots = {root for root in roots if not root.endswith(".dist-info")}
    if roots != TOP_LEVEL or "skdeep/py.typed" not in names:
        raise SystemExit(f"{wheel.name} holds {sorted(roots)}, or misses py.typed.")
    if not any(name.endswith("LICENSE") for name in names):
        raise SystemExit(f"{wheel.name} holds no licence.")
    subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", str(wheel)], check=True
    )


def check_package() -> None:
    """Fit, predict and pickle with the installed package."""
    import skdeep

    place = Path(skdeep.__file__).resolve()
    if CHECKOUT / "skdeep" in place.parents:
        raise SystemExit(f"skdeep was imported from the checkout: {place}.")
    if skdeep.__version__ != version("skdeep-torch"):
        raise SystemExit(f"skdeep.__version__ is {skdeep.__version__}.")
    for name in skdeep.__all__:
        getattr(skdeep, name)

    from sklearn.datasets import load_iris

    X, y = load_iris(return_X_y=True)
    classifier = skdeep.MLPClassifier(learning_rate=1e-2, random_state=0).fit(X, y)
    copy = pickle.loads(pickle.dumps(classifier))
    if (copy.predict(X) != classifier.predict(X)).any():
        raise SystemExit("An unpickled classifier predicts something else.")
    if not classifier.score(X, y) > 0.9:
        raise SystemExit(f"Iris is learned to {classifier.score(X, y):.2f} only.")
    skdeep.show_versions()


if __name__ == "__main__":
    (wheel,) = os.environ["TOX_PACKAGE"].split(os.pathsep)
    check_archive(Path(wheel))
    check_package()
