"""What the two meta-estimators share: training rows are augmented, others are not."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn import get_config
from sklearn.base import (
    BaseEstimator,
    MetaEstimatorMixin,
    clone,
    is_classifier,
    is_regressor,
)
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import (
    UNUSED,
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import has_fit_parameter

from skdeep._compat import (
    HasMethods,
    Interval,
    Tags,
    check_is_fitted,
    fit_context,
    get_tags,
    num_samples,
    raise_for_params,
)
from skdeep._seeding import draw_seed, torch_generator
from skdeep.augmentation import ImageAugmenter, TextAugmenter
from skdeep.data import check_target_form
from skdeep.text._image_copies import augmented_images

if TYPE_CHECKING:
    from skdeep._typing import Array, MatrixLike

_PREDICTIONS = ("predict", "predict_proba", "predict_log_proba", "decision_function")

AUGMENTED_CONSTRAINTS: dict[str, list[Any]] = {
    "estimator": [HasMethods(["fit"])],
    "augmenter": [HasMethods(["augment"]), None],
    "n_aug": [Interval(Integral, 1, None, closed="left"), None],
    "random_state": ["random_state", np.random.Generator],
}


def inner_has(method: str) -> Callable[[Any], bool]:
    """Return a check that the estimator within has a method; the error is its own."""

    def check(owner: Any) -> bool:
        getattr(vars(owner).get("estimator_", owner.estimator), method)
        return True

    return check


class AugmentedEstimator(MetaEstimatorMixin, BaseEstimator):
    """Base of the two meta-estimators."""

    # Handed on to the estimator, which is the one to request them.
    __metadata_request__fit: ClassVar[dict[str, str]] = {"sample_weight": UNUSED}

    def __init__(
        self,
        estimator: Any,
        augmenter: Any = None,
        *,
        n_aug: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.augmenter = augmenter
        self.n_aug = n_aug
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X: MatrixLike, y: Any, sample_weight: Any = None, **fit_params: Any
    ) -> Self:
        """Fit the estimator on the rows and on new ones made of them.

        If the call fails this estimator stays as it was before.

        Parameters
        ----------
        X : array-like of shape (n_samples,) or (n_samples, ...)
            What the augmenter takes: texts, or images as one array.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Training targets, which new rows take over.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, which new rows take over. In a Pipeline they go to the
            last step. Under metadata routing they go where they are requested.
        **fit_params : dict
            Under metadata routing, what `fit` of the estimator requests. New rows take
            over what has an item for each row, unless its name ends in "_val".

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If `fit_params` are given without metadata routing, or the estimator takes
            no weights.
        """
        raise_for_params(fit_params, self, "fit")
        estimator = clone(self.estimator)
        self._check_predicts(estimator)
        augmenter = self._prepared()
        given = self._routed(estimator, sample_weight, fit_params)
        if augmenter is not None:
            X, y, given = self._grow(augmenter, X, y, given)
        estimator.fit(X, y, **given)
        self.estimator_ = estimator
        self.augmenter_ = augmenter
        return self

    def _check_predicts(self, estimator: Any) -> None:
        """Refuse what has no `predict`; some have it from their `fit` on."""
        kind = is_classifier(estimator) or is_regressor(estimator)
        if not kind and not hasattr(estimator, "predict"):
            raise ValueError(
                f"The 'estimator' parameter of {type(self).__name__} must predict. Got "
                f"a {type(estimator).__name__}, which has no predict. Pass a "
                "classifier or a regressor, or a Pipeline that ends in one."
            )

    def _prepared(self) -> Any:
        """Return a copy of the augmenter with what is set here in it."""
        if self.augmenter is None:
            return None
        augmenter = clone(self.augmenter, safe=False)
        known = augmenter.get_params() if hasattr(augmenter, "get_params") else {}
        if self.n_aug is not None and "n_aug" in known:
            augmenter.set_params(n_aug=self.n_aug)
        if self.random_state is not None and "random_state" in known:
            augmenter.set_params(random_state=draw_seed(self.random_state) % 2**32)
        return augmenter

    def _routed(
        self, estimator: Any, sample_weight: Any, fit_params: dict[str, Any]
    ) -> dict[str, Any]:
        """Return what `fit` of the estimator is given beside X and y."""
        if get_config().get("enable_metadata_routing"):
            if sample_weight is not None:
                fit_params = {**fit_params, "sample_weight": sample_weight}
            routed: dict[str, Any] = process_routing(self, "fit", **fit_params)
            return dict(routed["estimator"]["fit"])
        if sample_weight is None:
            return {}
        return {self._weight_name(estimator): sample_weight}

    def _grow(
        self, augmenter: Any, X: MatrixLike, y: Any, given: dict[str, Any]
    ) -> tuple[Any, Any, dict[str, Any]]:
        """Return more rows, with targets and what else there is of each row."""
        check_target_form(y, type(self).__name__, labels=is_classifier(self))
        n_rows = num_samples(X)
        names = [name for name, part in given.items() if _of_rows(name, part, n_rows)]
        if isinstance(augmenter, ImageAugmenter):
            n_aug = 1 if self.n_aug is None else int(self.n_aug)
            generator = torch_generator(draw_seed(self.random_state))
            owner = type(self).__name__
            X, origin = augmented_images(augmenter, X, n_aug, generator, owner)
            grown = {name: _rows_of(given[name], origin) for name in names}
            return X, _rows_of(y, origin), {**given, **grown}
        if hasattr(augmenter, "fit"):
            augmenter.fit(X, y)
        weights = [name for name in names if name.endswith("sample_weight")]
        if names == weights and len(weights) < 2:
            weight = given[weights[0]] if weights else None
            X, y, weight = _augmented(augmenter, X, y, weight)
            return X, y, {**given, **dict.fromkeys(weights, weight)}
        if not isinstance(augmenter, TextAugmenter):
            kind = type(augmenter).__name__
            raise ValueError(  # noqa: TRY004 - it is about what goes along
                f"{type(self).__name__} hands new rows no {', '.join(names)}: its "
                f"augmenter, a {kind}, takes X, y and sample_weight alone. Leave out "
                "what has an item for each row."
            )
        # In the place of weights: where each row comes from.
        X, y, origin = _augmented(augmenter, X, y, np.arange(n_rows))
        return X, y, {**given, **{n: _rows_of(given[n], origin) for n in names}}

    def _weight_name(self, estimator: Any) -> str:
        """Return how the estimator calls its weights."""
        prefix, inner = "", estimator
        while isinstance(inner, Pipeline):
            name, inner = inner.steps[-1]
            prefix += f"{name}__"
        # A search hands whatever it is given on to its estimator.
        if has_fit_parameter(getattr(inner, "estimator", inner), "sample_weight"):
            return f"{prefix}sample_weight"
        if has_fit_parameter(inner, "sample_weight"):
            return f"{prefix}sample_weight"
        raise ValueError(
            f"{type(self).__name__} hands sample_weight on to its estimator. Got "
            f"weights for a {type(inner).__name__}, which takes none. Leave them out."
        )

    def predict(self, X: MatrixLike, **params: Any) -> Array:
        """Return what the fitted estimator predicts; nothing is augmented.

        Parameters
        ----------
        X : array-like of shape (n_samples,) or (n_samples, ...)
            Inputs.
        **params : dict
            Under metadata routing, what the estimator requests.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Of the estimator.
        """
        predicted: Array = self._ask("predict", X, params)
        return predicted

    def get_metadata_routing(self) -> MetadataRouter:
        """Return where metadata go: to the estimator, as it requests them.

        Returns
        -------
        routing : MetadataRouter
            Of scikit-learn.
        """
        mapping = MethodMapping()
        for method in ("fit", *_PREDICTIONS):
            mapping.add(caller=method, callee=method)
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def _ask(self, method: str, X: MatrixLike, params: dict[str, Any]) -> Any:
        """Return what a method of the fitted estimator says."""
        check_is_fitted(self)
        if params:
            raise_for_params(params, self, method)
            routed: dict[str, Any] = process_routing(self, method, **params)
            params = routed["estimator"][method]
        return getattr(self.estimator_, method)(X, **params)

    @property
    def n_features_in_(self) -> int:
        """Number of features, where the estimator knows of it."""
        return int(self._of_inner("n_features_in_"))

    @property
    def feature_names_in_(self) -> Array:
        """Names of the features, where the estimator knows them."""
        names: Array = self._of_inner("feature_names_in_")
        return names

    def _of_inner(self, attribute: str) -> Any:
        if "estimator_" not in vars(self):
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {attribute!r} "
                "before it is fitted"
            )
        return getattr(self.estimator_, attribute)

    def __sklearn_tags__(self) -> Tags:
        """Say what the estimator says."""
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        if isinstance(self.augmenter, TextAugmenter):
            # A Pipeline of a vectorizer does not say that it takes texts.
            tags.input_tags.string = True
            tags.input_tags.two_d_array = False
        tags.target_tags = inner.target_tags
        tags.non_deterministic = inner.non_deterministic
        return tags


def inner_tags(owner: AugmentedEstimator, tags: Tags, name: str) -> Tags:
    """Return tags with those of the estimator within that its kind has.

    Parameters
    ----------
    owner : AugmentedEstimator
        Holds the estimator.
    tags : Tags
        Its own.
    name : {"classifier_tags", "regressor_tags"}
        Which ones.

    Returns
    -------
    tags : Tags
        The same object.
    """
    inner = getattr(get_tags(owner.estimator), name)
    if inner is not None:
        setattr(tags, name, inner)
    return tags


def _rows_of(values: Any, origin: Array) -> Any:
    return None if values is None else np.asarray(values)[origin]


def _of_rows(name: str, value: Any, n_rows: int) -> bool:
    """Tell whether metadata have an item for each row."""
    if name.endswith("_val") or isinstance(value, (str, dict)):
        return False
    return hasattr(value, "__len__") and num_samples(value) == n_rows


def _augmented(
    augmenter: Any, X: Any, y: Any, sample_weight: Any
) -> tuple[Any, Any, Any]:
    parts = {"y": y, "sample_weight": sample_weight}
    given = {name: part for name, part in parts.items() if part is not None}
    grown = augmenter.augment(X, **given)
    if not given:
        return grown, None, None
    found = dict(zip(given, grown[1:], strict=True))
    return grown[0], found.get("y"), found.get("sample_weight")
