"""The pretrained network as a regressor."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from skdeep._compat import Interval, StrOptions
from skdeep._constraints import Levels, NameOrClass
from skdeep.base import DeepRegressor
from skdeep.image._pretrained import PRETRAINED_CONSTRAINTS, PretrainedBase
from skdeep.losses import LOSSES_REGRESSION

if TYPE_CHECKING:
    from skdeep._typing import DeviceSpec, Seed


class ImageRegressor(PretrainedBase, DeepRegressor):
    """Image regressor on a pretrained network.

    A network that has learnt on many images, its head replaced [1]_. First the new head
    learns by itself, on features that each image is asked for once and that are kept;
    then, where `trainable_layers` says so, the last stages learn along with it [2]_.

    Parameters
    ----------
    backbone : str, callable or torch.nn.Module, default="resnet18"
        Name of one of torchvision's classifiers, such as "vgg16" or "inception_v3";
        "timm/" and a name of timm, where that is installed; a function without
        arguments that makes a network whose last layer is its head; or such a network,
        which is copied.
    weights : str, path, member of torchvision's weights or None, default="DEFAULT"
        "DEFAULT" and names such as "IMAGENET1K_V1" are downloaded to TORCH_HOME unless
        they are there, and verified; a path is that of a state dict, of torch or
        safetensors. None starts from random numbers. Where `backbone` is a function or
        a network "DEFAULT" leaves it as it comes.
    trainable_layers : int, "all" or list of str, default=0
        Stages trained along with the head, counted from the last one, or patterns of
        names of parameters, as in ``"layer4.*"``. The rest is frozen. Statistics of
        batch normalizations are kept as they came, also in trained stages.
    head_epochs : int, default=100
        Passes over the features in which the head learns by itself, at most.
    head_learning_rate : float, default=1e-2
        Its step size, above 0; it falls along a cosine.
    backbone_lr_mult : float, default=0.1
        What `learning_rate` is multiplied by for the last stage, above 0.
    layer_decay : float, default=0.8
        By what share, in (0, 1], the rate falls from each stage to the one before.
    hidden_layer_sizes : int or sequence of int, default=()
        Number of neurons of each hidden layer of the head; empty for a linear one.
    n_hidden_layers : int or None, default=None
        Repeats a single width: ``hidden_layer_sizes=64, n_hidden_layers=3`` is ``(64,
        64, 64)``. None takes `hidden_layer_sizes` as it is.
    activation : str, torch.nn.Module class, function, or sequence of these, \
            default="relu"
        Of the hidden layers of the head, see `MLPRegressor`.
    dropout : float or sequence of float, default=0.0
        Probability, in [0, 1), that a hidden neuron of the head is dropped in a
        training step; or one for each hidden layer.
    image_shape : tuple of two or three int or None, default=None
        Height and width, and channels where there are any, of an image in a row of a
        table. None takes a square where there is one, else a strip one pixel high.
    image_size : int or tuple of two int or None, default=None
        Side, or height and width, in pixels, that images are brought to. None is what
        the weights were trained on, mostly 224; without weights images stay as they
        are. The time of a fit grows with its square.
    resize_mode : {"crop", "stretch", "pad"}, default="crop"
        How images of another shape are brought to `image_size`: scaled until they
        cover it, or a little more as the weights want it; stretched; or fitted in.
    channel_axis : {"auto", "first", "last"}, default="auto"
        Where the channels of images stand; "auto" takes the axis of length 1, 3 or 4.
    channel_mode : {"repeat", "adapt"}, default="repeat"
        Gray images are repeated as red, green and blue, or the first convolution is
        adapted to them, as it always is to other numbers of channels.
    augmenter : {"light", "strong"}, ImageAugmenter or None, default=None
        Makes training images harder; never others. Trained stages see others each
        epoch, a frozen backbone `n_views` of each image. Each strength can be
        searched, as in ``augmenter__rotation``.
    n_views : int, default=4
        Augmented copies of each training image whose features the head learns from,
        beside the image itself, where the backbone is frozen.
    mixup : float, default=0.0
        Blend training images in pairs, by shares from Beta(mixup, mixup); their
        features where the backbone is frozen. 0 does not.
    cutmix : float, default=0.0
        Likewise paste rectangles of other images. With both, each batch draws one. Not
        with a frozen backbone.
    tta : int, default=0
        Views of an image that a prediction is averaged over beside the image itself, 9
        at most: its mirror image, then each corner and its mirror image.
    cache_features : bool, "auto", str or path, default="auto"
        Where features are kept, for folds, candidates, refits and predictions alike:
        "auto" and True are the memory of the process, up to a gigabyte; a folder is
        shared by processes; False keeps none.
    channels_last : bool or "auto", default="auto"
        Lay images out with their channels last; "auto" does so where it is faster.
    l1 : float, default=0.0
        Strength of ``l1 * sum(abs(w))``, added to the mean loss for the weights of all
        layers, not the biases. Weights reach exactly zero.
    l2 : float, default=0.0
        Strength of ``l2 / 2 * sum(w ** 2)``, likewise. Not divided by the rows of the
        batch: scikit-learn's `alpha` is ``l2 * batch_size``.
    weight_decay : float, default=1e-2
        Decoupled decay: before each step weights are multiplied by ``1 - learning_rate
        * weight_decay``. "lbfgs" does without the default, and refuses others.
    max_grad_norm : float or None, default=1.0
        Longest gradient, in Euclidean norm; a longer one is scaled down. Not while the
        head learns by itself.
    weight_averaging : {"ema", "swa"} or None, default=None
        Predict with an exponential moving average over steps, or with the mean over the
        last quarter of the epochs; not in `partial_fit`.
    loss : {"squared_error", "absolute_error", "huber", "quantile", "poisson"} or \
            torch loss class, default="squared_error"
        "squared_error" is half the squared error; "quantile" is the pinball loss;
        "poisson" is half the Poisson deviance, with a log link, for targets of at least
        0. Taken on the scaled target.
    quantile : float or sequence of float, default=0.5
        Which quantile, in (0, 1), ``loss="quantile"`` predicts. Several, ascending, are
        predicted at once for a single target, one column each, and never cross.
    huber_delta : float, default=1.0
        Error above which ``loss="huber"`` is linear, in units of the scaled target.
    optimizer : str or torch.optim.Optimizer class, default="adamw"
        "sgd", "adam", "adamw", "nadam", "radam", "rmsprop", "adagrad", or "lbfgs" for a
        frozen backbone: all rows at once, with a line search in place of a rate.
    learning_rate : float, default=1e-3
        Step size of the head once stages are trained along with it, above 0.
    momentum : float, default=0.9
        Of "sgd", in [0, 1).
    nesterov : bool, default=True
        Nesterov's form of the momentum of "sgd".
    betas : pair of float, default=(0.9, 0.999)
        Decay rates of the two running means of "adam" and its kin, in [0, 1).
    optimizer_params : dict or None, default=None
        Further arguments of the optimizer, e.g. ``{"eps": 1e-7}``.
    lr_schedule : {"constant", "step", "exponential", "cosine", "one_cycle", \
            "plateau", "flat_cosine", "coslog"} or None, default="one_cycle"
        How `learning_rate` changes with the share of `max_epochs` done; "plateau"
        divides it by five when the loss stands still. None is "constant".
    warmup_fraction : float, default=0.0
        Share of the training, in [0, 1), over which the rate rises from zero.
    batch_size : int or "auto", default="auto"
        Rows in a step; "auto" is ``min(32, n_samples)``. "lbfgs" takes all rows.
    max_epochs : int, default=10
        Passes over the training images once stages are trained, at most.
    shuffle : bool, default=True
        Draw a new order of the rows for each epoch.
    early_stopping : bool or "auto", default=False
        Hold rows out, stop when `scoring` on them stands still, and keep the weights of
        the best epoch. "auto" does so with `X_val` or from 10,000 rows on.
    validation_fraction : float, default=0.1
        Share of the rows, in (0, 1), to hold out.
    scoring : str or callable, default="loss"
        What is watched on the validation rows: "loss" or any scikit-learn scorer. The
        loss stands in for a score that never has a value.
    n_iter_no_change : int or numpy.inf, default=10
        Epochs without an improvement of more than `tol` before training stops.
    tol : float or None, default=None
        Smallest improvement that counts; None never stops.
    feature_scaling : {"weights", "standard"} or None, default="weights"
        Standardise each channel as the weights want it, mostly by mean and deviation of
        ImageNet; or by those of the training images, as is done where weights=None.
        None only brings pixels to [0, 1].
    target_scaling : {"standard"} or None, default="standard"
        Standardise each target likewise, and predict in its own units; under
        ``loss="poisson"`` divide by its mean.
    warm_start : bool, default=False
        Go on from the present weights when `fit` is called again.
    random_state : int, RandomState instance, Generator or None, default=None
        Seeds all that is drawn. The same int gives the same bits, whatever the joblib
        backend. None takes fresh entropy; no global generator is read or moved.
    device : str or torch.device, default="auto"
        "auto" (CUDA, else MPS, else CPU), "cpu", "cuda", "cuda:1", "mps".
    dtype : {"auto", "float32", "float64"}, default="auto"
        Of the weights. "auto" is float64 where X is, on the CPU, when all training rows
        fit in one batch, else float32.
    precision : {"auto", "full", "bfloat16", "float16"}, default="auto"
        What a step is computed in; "auto" is "full" but for large steps on CUDA.
        "lbfgs", and classes whose step needs a closure, train in full precision where
        it is "float16".
    n_threads : int, "auto" or None, default="auto"
        Threads torch may use during a call, and that decode files. "auto" is one in a
        worker of joblib, else torch's setting, and None that setting anyway.
    compile : bool, default=False
        Compile the network with `torch.compile` for training.
    callbacks : list of skorch callbacks or None, default=None
        `fit` calls the very objects; clones, as searches fit them, have copies. Those
        that score get an estimator that predicts like this one, and rows and targets
        as `fit` got them.
    verbose : int, default=0
        0 is silent; 1 shows a progress bar, or some lines where nothing can draw one; 2
        writes a line an epoch.

    Attributes
    ----------
    n_features_in_ : int
        Pixels of an image, where X was a table of flat images.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of its columns, where they were strings.
    n_outputs_ : int
        Width of the last layer.
    net_ : skorch.NeuralNet
        The net that trained last, with skorch's history.
    module_ : torch.nn.Module
        The trained network; it sees scaled images, or features.
    weights_, weights_sha256_, weights_license_ : str or None
        Name or path of the weights, the digest of their file, and their license, where
        one is stated.
    n_backbone_features_, n_stages_ : int
        Number of features that the backbone finds, and of its stages.
    preprocessing_ : dict
        What is done to images: size in pixels, resizing, scale, and the mean and
        standard deviation of each channel.
    n_head_epochs_ : int
        Epochs in which the head learnt by itself.
    history_ : dict of str to ndarray of shape (n_epochs,)
        "epoch", "train_loss", "learning_rate", "duration" in seconds, "valid_loss" and
        "valid_score". The head's epochs come first.
    loss_ : float
        Training loss of the last epoch, penalties included.
    best_loss_ : float
        Smallest loss of an epoch, on the validation rows where there are any.
    loss_curve_ : list of float
        Training loss of every epoch.
    validation_loss_curve_ : list of float or None
        Validation loss of every epoch.
    validation_scores_ : list of float or None
        Validation score of every epoch, where `scoring` names one.
    n_iter_ : int
        Epochs of the last `fit`, and of the calls of `partial_fit` since.
    best_epoch_ : int
        Epoch with the best watched figure, from 1; its weights are kept under early
        stopping.
    device_ : str
        Where the network is.

    Raises
    ------
    ValueError
        By `fit`, if a parameter or the data break a rule; the message says which.
    WeightsError
        By `fit`, if the weights cannot be had, or are not those of the backbone.

    See Also
    --------
    ImageClassifier : The same network for classes.
    ImageFeatureExtractor : The features themselves, for any estimator.
    CNNRegressor : A network trained from scratch.

    Notes
    -----
    Images come in all the forms that `CNNRegressor` takes; `load_images` lists the
    files of a folder.

    References
    ----------
    .. [1] Kornblith, Shlens, Le, "Do Better ImageNet Models Transfer Better?", CVPR
       2019, :arxiv:`1805.08974`
    .. [2] Kumar, Raghunathan, Jones, Ma, Liang, "Fine-Tuning can Distort Pretrained
       Features and Underperform Out-of-Distribution", ICLR 2022, :arxiv:`2202.10054`

    Examples
    --------
    Twenty small images and random weights; leave out `weights` for those of ImageNet.

    >>> import numpy as np
    >>> from skdeep import ImageRegressor
    >>> rng = np.random.default_rng(0)
    >>> y = np.linspace(0, 1, 20)
    >>> X = rng.random((20, 16, 16, 3)) * (0.5 + 0.5 * y[:, None, None, None])
    >>> model = ImageRegressor("shufflenet_v2_x0_5", weights=None, random_state=0)
    >>> model.fit(X, y).score(X, y) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **PRETRAINED_CONSTRAINTS,
        "loss": [NameOrClass(LOSSES_REGRESSION, torch.nn.Module)],
        "quantile": [Levels()],
        "huber_delta": [Interval(Real, 0, None, closed="neither")],
        "target_scaling": [StrOptions({"standard"}), None],
    }

    def __init__(
        self,
        backbone: Any = "resnet18",
        *,
        weights: Any = "DEFAULT",
        trainable_layers: Any = 0,
        head_epochs: int = 100,
        head_learning_rate: float = 1e-2,
        backbone_lr_mult: float = 0.1,
        layer_decay: float = 0.8,
        hidden_layer_sizes: Any = (),
        n_hidden_layers: int | None = None,
        activation: Any = "relu",
        dropout: Any = 0.0,
        image_shape: Any = None,
        image_size: Any = None,
        resize_mode: str = "crop",
        channel_axis: str = "auto",
        channel_mode: str = "repeat",
        augmenter: Any = None,
        n_views: int = 4,
        mixup: float = 0.0,
        cutmix: float = 0.0,
        tta: int = 0,
        cache_features: Any = "auto",
        channels_last: bool | str = "auto",
        l1: float = 0.0,
        l2: float = 0.0,
        weight_decay: float = 1e-2,
        max_grad_norm: float | None = 1.0,
        weight_averaging: str | None = None,
        loss: Any = "squared_error",
        quantile: Any = 0.5,
        huber_delta: float = 1.0,
        optimizer: Any = "adamw",
        learning_rate: float = 1e-3,
        momentum: float = 0.9,
        nesterov: bool = True,
        betas: tuple[float, float] = (0.9, 0.999),
        optimizer_params: dict[str, Any] | None = None,
        lr_schedule: str | None = "one_cycle",
        warmup_fraction: float = 0.0,
        batch_size: int | str = "auto",
        max_epochs: int = 10,
        shuffle: bool = True,
        early_stopping: bool | str = False,
        validation_fraction: float = 0.1,
        scoring: Any = "loss",
        n_iter_no_change: float = 10,
        tol: float | None = None,
        feature_scaling: str | None = "weights",
        target_scaling: str | None = "standard",
        warm_start: bool = False,
        random_state: Seed = None,
        device: DeviceSpec = "auto",
        dtype: str = "auto",
        precision: str = "auto",
        n_threads: int | str | None = "auto",
        compile: bool = False,
        callbacks: list[Any] | None = None,
        verbose: int = 0,
    ) -> None:
        self.backbone = backbone
        self.weights = weights
        self.trainable_layers = trainable_layers
        self.head_epochs = head_epochs
        self.head_learning_rate = head_learning_rate
        self.backbone_lr_mult = backbone_lr_mult
        self.layer_decay = layer_decay
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_hidden_layers = n_hidden_layers
        self.activation = activation
        self.dropout = dropout
        self.image_shape = image_shape
        self.image_size = image_size
        self.resize_mode = resize_mode
        self.channel_axis = channel_axis
        self.channel_mode = channel_mode
        self.augmenter = augmenter
        self.n_views = n_views
        self.mixup = mixup
        self.cutmix = cutmix
        self.tta = tta
        self.cache_features = cache_features
        self.channels_last = channels_last
        self.l1 = l1
        self.l2 = l2
        self.weight_decay = weight_decay
        self.max_grad_norm = max_grad_norm
        self.weight_averaging = weight_averaging
        self.loss = loss
        self.quantile = quantile
        self.huber_delta = huber_delta
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.nesterov = nesterov
        self.betas = betas
        self.optimizer_params = optimizer_params
        self.lr_schedule = lr_schedule
        self.warmup_fraction = warmup_fraction
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.scoring = scoring
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.feature_scaling = feature_scaling
        self.target_scaling = target_scaling
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.dtype = dtype
        self.precision = precision
        self.n_threads = n_threads
        self.compile = compile
        self.callbacks = callbacks
        self.verbose = verbose
