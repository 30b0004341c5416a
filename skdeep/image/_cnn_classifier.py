"""The convolutional network as a classifier."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from skdeep._compat import Interval, StrOptions
from skdeep._constraints import NameOrClass
from skdeep.base import DeepClassifier
from skdeep.image._cnn import CNN_CONSTRAINTS, CNNBase
from skdeep.losses import LOSSES_CLASSIFICATION

if TYPE_CHECKING:
    from skdeep._typing import DeviceSpec, Seed


class CNNClassifier(CNNBase, DeepClassifier):
    """Convolutional network classifier, trained from scratch.

    Blocks of convolution, normalization, activation and pooling, then dense layers
    [1]_; for images as arrays, lists, files, or flat rows of a table. Pixels are put to
    scale inside.

    Parameters
    ----------
    conv_channels : int or sequence of int, default=(32, 64)
        Channels of each convolutional block; empty for a perceptron on the pixels.
    n_conv_layers : int or None, default=None
        Repeats a single number: ``conv_channels=32, n_conv_layers=3`` is ``(32, 32,
        32)``. None takes `conv_channels` as it is.
    kernel_size : int or sequence of int, default=3
        Side in pixels of the window of a convolution, or one for each block. Maps keep
        their height and width.
    pooling : {"max", "average"}, default="max"
        What stands for the numbers in a pooling window.
    pool_size : int or sequence of int, default=2
        Side and step in pixels of the pooling window, or one for each block; 1 does not
        pool.
    global_pooling : {"max", "average"} or None, default=None
        Reduce each channel of the last map to one number before the dense layers; None
        hands them all its pixels.
    hidden_layer_sizes : int or sequence of int, default=(128,)
        Number of neurons of each dense hidden layer; empty for none.
    n_hidden_layers : int or None, default=None
        Repeats a single width: ``hidden_layer_sizes=64, n_hidden_layers=3`` is ``(64,
        64, 64)``. None takes `hidden_layer_sizes` as it is.
    activation : str, torch.nn.Module class, function, or sequence of these, \
            default="relu"
        "relu", "sigmoid" (also "logistic"), "tanh", "identity", "leaky_relu", "elu",
        "selu", "gelu", "silu", "mish", "softplus" or "hardswish"; or one for each block
        and hidden layer. Foreign modules may draw from torch's global generator, which
        is lent to them, seeded, under a lock, and restored.
    normalization : {"batch", "layer"} or None, default=None
        Normalization before each activation. "batch" trains deep networks faster; it
        takes no notice of weights of rows.
    conv_dropout : float or sequence of float, default=0.0
        Probability, in [0, 1), that a channel of a block is dropped in a training step;
        or one for each block.
    dropout : float or sequence of float, default=0.0
        Probability, in [0, 1), that a dense hidden neuron is dropped in a training
        step; or one for each hidden layer.
    residual : bool, default=False
        Add the input of a layer to its output, before pooling, wherever the channels or
        widths agree.
    image_shape : tuple of two or three int or None, default=None
        Height and width, and channels where there are any, of the image in a row of a
        table. None takes a square where there is one, else a strip one pixel high.
    image_size : int or tuple of two int or None, default=None
        Side, or height and width, in pixels, that images are brought to. None keeps
        them as they are, when they must all be of one size and in memory.
    resize_mode : {"stretch", "crop", "pad"}, default="stretch"
        How images of another shape are brought to `image_size`: stretched, or scaled
        until they cover it, or until they fit in.
    channel_axis : {"auto", "first", "last"}, default="auto"
        Where the channels of images stand; "auto" takes the axis of length 1, 3 or 4.
    augmenter : {"light", "strong"}, ImageAugmenter or None, default=None
        Makes training images harder, each epoch anew; never others. Each strength can
        be searched, as in ``augmenter__rotation``.
    mixup : float, default=0.0
        Blend training images in pairs, by shares from Beta(mixup, mixup) [3]_; 0 does
        not.
    cutmix : float, default=0.0
        Likewise paste rectangles of other images [4]_. With both, each batch draws one.
    l1 : float, default=0.0
        Strength of ``l1 * sum(abs(w))``, added to the mean loss for the weights of all
        layers, not the biases. Weights reach exactly zero.
    l2 : float, default=1e-4
        Strength of ``l2 / 2 * sum(w ** 2)``, likewise. Not divided by the rows of the
        batch: scikit-learn's `alpha` is ``l2 * batch_size``.
    weight_decay : float, default=0.0
        Decoupled decay: before each step weights are multiplied by ``1 - learning_rate
        * weight_decay``. Not with "lbfgs".
    label_smoothing : float, default=0.0
        Share of every label, in [0, 1), that is spread over all classes.
    max_grad_norm : float or None, default=None
        Longest gradient, in Euclidean norm; a longer one is scaled down.
    weight_averaging : {"ema", "swa"} or None, default=None
        Predict with an exponential moving average over steps, or with the mean over the
        last quarter of `max_epochs`, where training gets there; not in `partial_fit`.
    loss : {"cross_entropy", "focal"} or torch loss class, default="cross_entropy"
        "focal" plays down examples that are already right [2]_. A class is called with
        logits.
    focal_gamma : float, default=2.0
        Exponent of the focal loss, at least 0, where it equals cross-entropy.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class, multiplied with `sample_weight`; "balanced" gives all
        classes the same total weight. One class a row only.
    optimizer : str or torch.optim.Optimizer class, default="adam"
        "sgd", "adam", "adamw", "nadam", "radam", "rmsprop", "adagrad" or "lbfgs".
        L-BFGS takes all rows at once, one iteration an epoch, with a line search in
        place of a learning rate.
    learning_rate : float, default=1e-3
        Step size, above 0.
    momentum : float, default=0.9
        Of "sgd", in [0, 1).
    nesterov : bool, default=True
        Nesterov's form of the momentum of "sgd".
    betas : pair of float, default=(0.9, 0.999)
        Decay rates of the two running means of "adam" and its kin, in [0, 1).
    optimizer_params : dict or None, default=None
        Further arguments of the optimizer, e.g. ``{"eps": 1e-7}``.
    lr_schedule : {"constant", "step", "exponential", "cosine", "one_cycle", \
            "plateau", "flat_cosine", "coslog"} or None, default=None
        How the learning rate changes with the share of `max_epochs` done; "plateau"
        divides it by five when the loss stands still. None is "constant".
    warmup_fraction : float, default=0.0
        Share of the training, in [0, 1), over which the rate rises from zero.
    batch_size : int or "auto", default="auto"
        Rows in a step; "auto" is ``min(64, n_samples)``. "lbfgs" takes all rows.
    max_epochs : int, default=50
        Passes over the training rows, at most.
    shuffle : bool, default=True
        Draw a new order of the rows for each epoch.
    early_stopping : bool or "auto", default=False
        Hold rows out, stop when `scoring` on them stands still, and keep the weights of
        the best epoch. "auto" does so where `X_val` is given or there are at least
        10,000 rows. Without, training stops when the training loss stands still.
    validation_fraction : float, default=0.1
        Share of the rows, in (0, 1), to hold out, each class its share. A class of two
        rows or more is never left out; see the user guide for rare ones.
    scoring : str or callable, default="loss"
        What is watched on the validation rows: "loss" or any scikit-learn scorer. The
        loss stands in for a score that never has a value.
    n_iter_no_change : int or numpy.inf, default=10
        Epochs without an improvement of more than `tol` before training stops.
    tol : float or None, default=1e-4
        Smallest improvement that counts; None never stops.
    feature_scaling : {"standard"} or None, default="standard"
        Standardise each channel by the mean and standard deviation of the pixels of the
        training images. None only brings them to [0, 1].
    warm_start : bool, default=False
        Go on from the present weights when `fit` is called again.
    random_state : int, RandomState instance, Generator or None, default=None
        Seeds the initial weights, the order of the rows, dropout and the hold-out. The
        same int gives the same bits, whatever the joblib backend. None takes fresh
        entropy; no global generator is ever read or moved.
    device : str or torch.device, default="auto"
        "auto" (CUDA, else MPS, else CPU), "cpu", "cuda", "cuda:1", "mps".
    dtype : {"auto", "float32", "float64"}, default="auto"
        Of the weights. "auto" is float64 where X is, on the CPU, when all training rows
        fit in one batch: then weighing a row by two equals giving it twice. Else
        float32.
    precision : {"auto", "full", "bfloat16", "float16"}, default="auto"
        What a step is computed in; "auto" is "full" but for large steps on CUDA.
        "lbfgs", and classes whose step needs a closure, train in full precision where
        it is "float16".
    n_threads : int, "auto" or None, default="auto"
        Threads torch may use during a call. "auto" is one in a worker of joblib and for
        small networks; large ones take torch's setting, and may then differ in the last
        bits between a worker and the main process unless a number is given. None leaves
        torch's setting.
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
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    n_features_in_ : int
        Pixels of an image, where X was a table of flat images.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of its columns, where they were strings.
    n_outputs_ : int
        Width of the last layer.
    net_ : skorch.NeuralNet
        The net that trained, with skorch's history.
    module_ : torch.nn.Module
        The trained network; it sees scaled images.
    history_ : dict of str to ndarray of shape (n_epochs,)
        "epoch", "train_loss", "learning_rate", "duration" (seconds), and "valid_loss"
        and "valid_score" where they were taken.
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
    DivergenceError
        By `fit`, if the training loss is no longer finite.
    DeviceNotAvailableError
        By `fit`, if the device asked for is not there.

    See Also
    --------
    CNNRegressor : The same network for numbers.
    ImageAugmenter : Makes training images harder.
    MLPClassifier : A network that knows nothing of neighbouring pixels.

    Notes
    -----
    Images are an array of shape (n_samples, height, width), (n_samples, height, width,
    n_channels) or (n_samples, n_channels, height, width); a list of such arrays, of
    Pillow's images or of paths; a Series or a DataFrame of one column of paths; or flat
    rows of shape (n_samples, n_pixels). Bytes are divided by their largest; numbers
    beyond [0, 1] are brought there by the smallest and the largest of the training
    images. Files are read when a batch needs them, and not kept.

    References
    ----------
    .. [1] LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document
       Recognition", Proceedings of the IEEE 86, 1998, :doi:`10.1109/5.726791`
    .. [2] Lin, Goyal, Girshick, He, Dollar, "Focal Loss for Dense Object Detection",
       ICCV 2017, :arxiv:`1708.02002`
    .. [3] Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk
       Minimization", ICLR 2018, :arxiv:`1710.09412`
    .. [4] Yun, Han, Oh, Chun, Choe, Yoo, "CutMix: Regularization Strategy to Train
       Strong Classifiers with Localizable Features", ICCV 2019, :arxiv:`1905.04899`

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skdeep import CNNClassifier
    >>> digits = load_digits()
    >>> X_train, X_test, y_train, y_test = train_test_split(
    ...     digits.images, digits.target, random_state=0
    ... )
    >>> cnn = CNNClassifier((16,), max_epochs=5, random_state=0).fit(X_train, y_train)
    >>> cnn.score(X_test, y_test) > 0.95
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CNN_CONSTRAINTS,
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "loss": [NameOrClass(LOSSES_CLASSIFICATION, torch.nn.Module)],
        "focal_gamma": [Interval(Real, 0, None, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        conv_channels: Any = (32, 64),
        *,
        n_conv_layers: int | None = None,
        kernel_size: Any = 3,
        pooling: str = "max",
        pool_size: Any = 2,
        global_pooling: str | None = None,
        hidden_layer_sizes: Any = (128,),
        n_hidden_layers: int | None = None,
        activation: Any = "relu",
        normalization: str | None = None,
        conv_dropout: Any = 0.0,
        dropout: Any = 0.0,
        residual: bool = False,
        image_shape: Any = None,
        image_size: Any = None,
        resize_mode: str = "stretch",
        channel_axis: str = "auto",
        augmenter: Any = None,
        mixup: float = 0.0,
        cutmix: float = 0.0,
        l1: float = 0.0,
        l2: float = 1e-4,
        weight_decay: float = 0.0,
        label_smoothing: float = 0.0,
        max_grad_norm: float | None = None,
        weight_averaging: str | None = None,
        loss: Any = "cross_entropy",
        focal_gamma: float = 2.0,
        class_weight: Any = None,
        optimizer: Any = "adam",
        learning_rate: float = 1e-3,
        momentum: float = 0.9,
        nesterov: bool = True,
        betas: tuple[float, float] = (0.9, 0.999),
        optimizer_params: dict[str, Any] | None = None,
        lr_schedule: str | None = None,
        warmup_fraction: float = 0.0,
        batch_size: int | str = "auto",
        max_epochs: int = 50,
        shuffle: bool = True,
        early_stopping: bool | str = False,
        validation_fraction: float = 0.1,
        scoring: Any = "loss",
        n_iter_no_change: float = 10,
        tol: float | None = 1e-4,
        feature_scaling: str | None = "standard",
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
        self.conv_channels = conv_channels
        self.n_conv_layers = n_conv_layers
        self.kernel_size = kernel_size
        self.pooling = pooling
        self.pool_size = pool_size
        self.global_pooling = global_pooling
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_hidden_layers = n_hidden_layers
        self.activation = activation
        self.normalization = normalization
        self.conv_dropout = conv_dropout
        self.dropout = dropout
        self.residual = residual
        self.image_shape = image_shape
        self.image_size = image_size
        self.resize_mode = resize_mode
        self.channel_axis = channel_axis
        self.augmenter = augmenter
        self.mixup = mixup
        self.cutmix = cutmix
        self.l1 = l1
        self.l2 = l2
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.max_grad_norm = max_grad_norm
        self.weight_averaging = weight_averaging
        self.loss = loss
        self.focal_gamma = focal_gamma
        self.class_weight = class_weight
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
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.dtype = dtype
        self.precision = precision
        self.n_threads = n_threads
        self.compile = compile
        self.callbacks = callbacks
        self.verbose = verbose
