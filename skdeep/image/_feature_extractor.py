"""The features of a pretrained network, for any estimator to learn from."""

from __future__ import annotations

import copy
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from skdeep._compat import Interval, Tags, check_is_fitted, fit_context
from skdeep._constraints import RUNNING
from skdeep._devices import device_or_cpu, plain_device, plain_torch, resolve_device
from skdeep._seeding import Streams, draw_seed, torch_generator
from skdeep._threads import limit_threads, resolve_n_threads
from skdeep.base import Pickled, StampedEstimator, fitted_attributes, rebuilt
from skdeep.data import open_store
from skdeep.image._backbones import (
    BACKBONE_CONSTRAINTS,
    describe_backbone,
    find_weights,
    make_backbone,
    make_encoder,
    make_own_body,
    rebuild_described,
)
from skdeep.image._features import Features
from skdeep.image._inputs import Images
from skdeep.networks import MOST_VIEWS, Weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from skdeep._typing import Array, DeviceSpec, MatrixLike, Seed
    from skdeep.data import ImageTable
    from skdeep.networks import Backbone

# Multiply-adds of a batch: more than any that is called small.
_WORK = 1e10
_RUNNING = ("random_state", "device", "n_threads")


class ImageFeatureExtractor(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, StampedEstimator
):
    """Features of images, found by a pretrained network.

    A network that has learnt on many images knows what matters in others [1]_. What it
    puts out before its head, or after one of its stages, is a row of numbers for each
    image, which any estimator can learn from. Each image goes through the network once:
    its features are kept for the next fold, candidate, refit or prediction.

    Parameters
    ----------
    backbone : str, callable or torch.nn.Module, default="resnet18"
        Name of one of torchvision's classifiers, such as "vgg16", "inception_v3" or
        "mobilenet_v3_small"; "timm/" and a name of timm, where that is installed; a
        function without arguments that makes a network whose last layer is its head; or
        such a network, which is copied.
    weights : str, path, member of torchvision's weights or None, default="DEFAULT"
        "DEFAULT" and names such as "IMAGENET1K_V1" are downloaded to TORCH_HOME unless
        they are there, and verified; a path is that of a state dict, of torch or
        safetensors. None starts from random numbers. Where `backbone` is a function or
        a network "DEFAULT" leaves it as it comes.
    stage : int or None, default=None
        Which stage's output is averaged over the image: 0 is next to the input, -1 next
        to the head. None takes what the head was given.
    image_shape : tuple of two or three int or None, default=None
        Height and width, and channels where there are any, of the image in a row of a
        table. None takes a square where there is one, else a strip one pixel high.
    image_size : int or tuple of two int or None, default=None
        Side, or height and width, in pixels, that images are brought to. None is what
        the weights were trained on, mostly 224; without weights images stay as they
        are. The time grows with its square.
    resize_mode : {"crop", "stretch", "pad"}, default="crop"
        How images of another shape are brought to `image_size`: scaled until they
        cover it, and a little more where the weights want it so; stretched; or scaled
        until they fit in.
    channel_axis : {"auto", "first", "last"}, default="auto"
        Where the channels of images stand; "auto" takes the axis of length 1, 3 or 4.
    channel_mode : {"repeat", "adapt"}, default="repeat"
        Gray images are repeated as red, green and blue, or the first convolution is
        adapted to them, as it always is to other numbers of channels.
    feature_scaling : {"weights", "standard"} or None, default="weights"
        Standardise each channel as the weights want it, mostly by mean and deviation of
        ImageNet; or by those of the training images, as is done where weights=None.
        None only brings pixels to [0, 1].
    tta : int, default=0
        Views of an image that its features are averaged over beside the image itself,
        9 at most: its mirror image, then each corner and its mirror image.
    cache_features : bool, "auto", str or path, default="auto"
        Where features are kept: "auto" and True are the memory of the process, up to a
        gigabyte; a folder is shared by processes; False keeps none.
    channels_last : bool or "auto", default="auto"
        Lay images out with their channels last; "auto" does, since it is faster.
    random_state : int, RandomState instance, Generator or None, default=None
        Seeds the weights where they are random.
    device : str or torch.device, default="auto"
        "auto" (CUDA, else MPS, else CPU), "cpu", "cuda", "cuda:1", "mps".
    n_threads : int, "auto" or None, default="auto"
        Threads torch may use during a call, see `ImageClassifier`.

    Attributes
    ----------
    n_features_in_ : int
        Pixels of an image, where X was a table of flat images.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of its columns, where they were strings.
    n_features_out_ : int
        Number of features.
    module_ : torch.nn.Module
        The network, which sees scaled images.
    weights_ : str or None
        Name of the weights, or the path of their file.
    weights_sha256_ : str or None
        Of that file.
    weights_license_ : str or None
        License of the weights, where one is stated.
    preprocessing_ : dict
        What is done to images: size in pixels, resizing, scale, and the mean and
        standard deviation of each channel.
    device_ : str
        Where the network is.

    Raises
    ------
    ValueError
        By `fit`, if a parameter or the images break a rule; the message says which.
    WeightsError
        By `fit`, if the weights cannot be had, or are not those of the backbone.

    See Also
    --------
    ImageClassifier : A head on these features, and training of the network itself.
    load_images : Lists the images of a folder.

    References
    ----------
    .. [1] Razavian, Azizpour, Sullivan, Carlsson, "CNN Features off-the-shelf: an
       Astounding Baseline for Recognition", CVPR Workshops 2014, :arxiv:`1403.6382`

    Examples
    --------
    Random weights know how bright an image is; leave out `weights` for those of
    ImageNet.

    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdeep import ImageFeatureExtractor
    >>> y = np.array([0, 1] * 10)
    >>> rng = np.random.default_rng(0)
    >>> X = rng.random((20, 16, 16, 3)) * (0.5 + 0.5 * y[:, None, None, None])
    >>> extractor = ImageFeatureExtractor("resnet18", weights=None, random_state=0)
    >>> model = make_pipeline(extractor, StandardScaler(), LogisticRegression())
    >>> model.fit(X, y).score(X, y)
    1.0
    >>> extractor.get_feature_names_out()[:2]
    array(['imagefeatureextractor0', 'imagefeatureextractor1'], dtype=object)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BACKBONE_CONSTRAINTS,
        "stage": [Interval(Integral, None, None, closed="neither"), None],
        "tta": [Interval(Integral, 0, MOST_VIEWS, closed="both")],
        **{name: RUNNING[name] for name in _RUNNING},
    }

    def __init__(
        self,
        backbone: Any = "resnet18",
        *,
        weights: Any = "DEFAULT",
        stage: int | None = None,
        image_shape: Any = None,
        image_size: Any = None,
        resize_mode: str = "crop",
        channel_axis: str = "auto",
        channel_mode: str = "repeat",
        feature_scaling: str | None = "weights",
        tta: int = 0,
        cache_features: Any = "auto",
        channels_last: bool | str = "auto",
        random_state: Seed = None,
        device: DeviceSpec = "auto",
        n_threads: int | str | None = "auto",
    ) -> None:
        self.backbone = backbone
        self.weights = weights
        self.stage = stage
        self.image_shape = image_shape
        self.image_size = image_size
        self.resize_mode = resize_mode
        self.channel_axis = channel_axis
        self.channel_mode = channel_mode
        self.feature_scaling = feature_scaling
        self.tta = tta
        self.cache_features = cache_features
        self.channels_last = channels_last
        self.random_state = random_state
        self.device = device
        self.n_threads = n_threads

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: MatrixLike, y: Any = None) -> Self:
        """Make the network ready; nothing is learnt but the scale of pixels.

        Parameters
        ----------
        X : array-like of images
            In any of the forms that `ImageClassifier` takes.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted extractor.
        """
        fitted, _ = self._prepare(X)
        return self._adopt(fitted)

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: MatrixLike, y: Any = None) -> Array:
        """Make the network ready, and return the features of the same images.

        Parameters
        ----------
        X : array-like of images
            In any of the forms that `ImageClassifier` takes.
        y : None
            Ignored.

        Returns
        -------
        features : ndarray of float32 of shape (n_samples, `n_features_out_`)
            A row for each image.
        """
        fitted, table = self._prepare(X)
        features = self._features_of(fitted, table)
        self._adopt(fitted)
        return features

    def transform(self, X: MatrixLike) -> Array:
        """Return the features of images.

        Parameters
        ----------
        X : array-like of images
            In any of the forms that `ImageClassifier` takes.

        Returns
        -------
        features : ndarray of float32 of shape (n_samples, `n_features_out_`)
            A row for each image.
        """
        check_is_fitted(self)
        table = self._read(X)
        return self._features_of(vars(self), table)

    def _prepare(self, X: MatrixLike) -> tuple[dict[str, Any], ImageTable]:
        """Return what a fit leaves, and the images; the estimator is left alone."""
        with plain_torch(training=True):
            return self._made_ready(X)

    def _made_ready(self, X: MatrixLike) -> tuple[dict[str, Any], ImageTable]:
        # scikit-learn's validation writes on what it is given.
        scratch = type(self)(**self.get_params(deep=False))
        table = self._images().read(scratch, X, reset=True)
        device = resolve_device(self.device)
        weights = find_weights(self)
        streams = Streams.from_seed(draw_seed(self.random_state))
        generator = torch_generator(streams.initialization)
        body, weights = make_own_body(self, weights, generator)
        encoder = make_encoder(self, weights, table.layout.n_channels).fit(table)
        module = make_backbone(self, weights, encoder, generator, torch.float32, body)
        module.to(device)
        names = ("n_features_in_", "feature_names_in_")
        fitted = {
            **{name: vars(scratch)[name] for name in names if name in vars(scratch)},
            "module_": module,
            "weights_": None if weights is None else weights.name,
            "weights_sha256_": None if weights is None else weights.sha256,
            "weights_license_": None if weights is None else weights.license,
            "preprocessing_": encoder.described(),
            "device_": str(device),
            "_encoder": encoder,
        }
        fitted["n_features_out_"] = self._features_of(fitted, table[:1]).shape[1]
        return fitted, table

    def _adopt(self, fitted: dict[str, Any]) -> Self:
        """Take over what a fit leaves, in one go."""
        for name in ("n_features_in_", "feature_names_in_"):
            self.__dict__.pop(name, None)
        self.__dict__.update(fitted)
        return self

    def _images(self) -> Images:
        """Return how images are read."""
        return Images(
            type(self).__name__,
            image_shape=self.image_shape,
            image_size=self.image_size,
            channel_axis=self.channel_axis,
        )

    def _read(self, X: MatrixLike) -> ImageTable:
        """Return images as they were read in fit."""
        images = self._images()
        images.encoder = self._encoder
        table: ImageTable = images.read(self, X, reset=False)
        return table

    def _features_of(self, fitted: Mapping[str, Any], table: ImageTable) -> Array:
        features = Features(
            fitted["module_"],
            fitted["_encoder"],
            open_store(self.cache_features),
            fitted["weights_sha256_"],
            stage=None if self.stage is None else int(self.stage),
            channels_last=bool(self.channels_last),
        )
        with (
            plain_torch(training=False),
            plain_device(),
            limit_threads(resolve_n_threads(self.n_threads, _WORK)),
        ):
            views = [features.of(table, view) for view in range(1 + self.tta)]
        return views[0] if len(views) == 1 else np.mean(views, axis=0)

    def to(self, device: DeviceSpec) -> Self:
        """Move the network to a device.

        Where the next fit puts it is up to the parameter `device`.

        Parameters
        ----------
        device : str or torch.device
            "cpu", "cuda", "cuda:1", "mps", or "auto" for the fastest there is.

        Returns
        -------
        self : object
            The extractor, which works there from now on.
        """
        check_is_fitted(self)
        found = resolve_device(device)
        self.module_.to(found)
        self.device_ = str(found)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with the network on the CPU."""
        state = super().__getstate__()
        if "module_" in state:
            module = self.module_
            if self.device_ != "cpu":
                module = copy.deepcopy(module).cpu()
            state["module_"] = Pickled(module)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the state, on its device where that is there."""
        super().__setstate__(state)
        if "module_" in vars(self):
            self.module_ = vars(self)["module_"].value
        if vars(self).get("device_", "cpu") != "cpu":
            self.to(device_or_cpu(self.device_, type(self).__name__))

    def __skdeep_state__(self) -> dict[str, Any]:
        """Return what a fit left, for a file that holds no pickle."""
        state = fitted_attributes(self)
        module = state.pop("module_", None)
        if module is not None:
            state["described"] = describe_backbone(self, module)
            state["network"] = dict(module.state_dict())
        return state

    def __skdeep_restore__(self, state: dict[str, Any]) -> None:
        """Take it back; the network is on the CPU until it is moved."""
        state = dict(state)
        described, weights = state.pop("described", None), state.pop("network", None)
        self.__dict__.update(state)
        if described is not None:
            # A name that tells how the network was built, and the name alone.
            known = None if self.weights_ is None else Weights(self.weights_)
            module = rebuilt(
                lambda: rebuild_described(described, self._encoder, known), weights
            )
            self.module_ = cast("Backbone", module).freeze_(0)

    @property
    def _n_features_out(self) -> int:
        return int(self.n_features_out_)

    def __sklearn_tags__(self) -> Tags:
        """Say that images are welcome, and what comes out."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags
