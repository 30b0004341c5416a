"""What `fit` of a search hands on to the many fits that it makes."""

from __future__ import annotations

from typing import Any


def check_fit_params(
    owner: str, params: dict[str, Any], remedy: str = ""
) -> dict[str, Any]:
    """Refuse a checkpoint: all fits of a search would write the same file.

    Parameters
    ----------
    owner : str
        Name of the search, for the error.
    params : dict
        What `fit` of the estimator is given beside X and y.
    remedy : str, default=""
        How such a search can be resumed.

    Returns
    -------
    params : dict
        The same object.

    Raises
    ------
    ValueError
        If one of them is a checkpoint.
    """
    for name, value in params.items():
        if name.rpartition("__")[2] == "checkpoint" and value is not None:
            raise ValueError(
                f"{owner}.fit takes no checkpoint, since all of its fits would write "
                f"the same file. Got {name}={value!r:.80}. {remedy}Pass it to fit of "
                "the best estimator."
            )
    return params
