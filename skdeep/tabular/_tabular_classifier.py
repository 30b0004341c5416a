"""The practitioner's perceptron as a classifier."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from skdeep._compat import Interval, StrOptions
from skdeep._constraints import NameOrClass
from skdeep.base import DeepClassifier
from skdeep.losses import LOSSES_CLASSIFICATION
from skdeep.tabular._tabular import TABULAR_CONSTRAINTS, TabularBase

if TYPE_CHECKING:
    from skdeep._typing import DeviceSpec, Seed


class TabularMLPClassifier(TabularBase, DeepClassifier):
    """Perceptron classifier for tables as they come, accurate at its defaults.

    An ensemble of networks that share their weights [1]_, on numbers embedded piecewise
    linearly [3]_, with early stopping. Numbers, categories and missing values of a
    frame or an array are taken as they are. Binary, multiclass and multilabel targets
    with labels of any type.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(128, 128)
        Number of neurons of each hidden layer; empty for a linear model.
    n_hidden_layers : int or None, default=None
        Repeats a single width, for searches. None takes `hidden_layer_sizes` as it is.
    activation : str, torch.nn.Module class, function, or sequence of these, \
            default="relu"
        "relu", "sigmoid" (also "logistic"), "tanh", "identity", "leaky_relu", "elu",
        "selu", "gelu", "silu", "mish", "softplus" or "hardswish"; or one for each
        hidden layer.
    parametric_activation : bool, default=False
        Let every neuron learn how much of the activation it takes: ``x + a * (f(x) -
        x)`` with a learned `a`.
    normalization : {"batch", "layer"} or None, default=None
        Normalization between the linear map and the activation of each hidden layer.
    dropout : float or sequence of float, default=0.0
        Probability, in [0, 1), that a hidden neuron is dropped in a training step; or
        one for each hidden layer.
    dropout_schedule : {"constant", "cosine", "flat_cosine"} or None, default=None
        How `dropout` changes over the training; "flat_cosine" is full for the first
        half and falls to 0 in the second.
    residual : bool, default=False
        Add the input of a hidden layer to its output wherever the widths agree.
    n_ensemble : int, default=8
        Members of the ensemble. They share all layers but their own factors of the
        inputs and their own last layer [1]_; each is trained on a loss of its own, and
        what they predict is averaged. 1 is a plain network.
    feature_gate : float or None, default=None
        Multiply every input by a learned factor, which learns this many times faster
        than other weights. None leaves it out.
    parametrization : {"standard", "ntk"}, default="standard"
        "ntk" divides by the root of the fan-in in the forward pass instead of in the
        initial weights (neural tangent parametrisation).
    data_dependent_init : bool, default=False
        Draw the initial weights so that every neuron varies by 1 over training rows,
        and bends amid them [2]_.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Which columns hold categories: names, positions or a mask. "from_dtype" takes
        those of strings, booleans and categorical dtypes; None none. A warning names
        columns of strings that read as numbers or dates.
    max_onehot : int, default=8
        The most categories of a column that is encoded by zeros and ones; others are
        embedded. A missing category is all zeros, an unseen one too; a warning names
        columns of which no category is known.
    category_dim : int, default=8
        Length of an embedded category.
    feature_scaling : {"quantile", "robust_clip", "standard"} or None, \
            default="quantile"
        How numbers are put to scale: to a normal distribution by their quantiles, by
        median and quartiles with smooth limits at +-3, or by mean and deviation.
    missing_indicators : bool, default=True
        Tell the network which numbers were missing; they are filled by the median.
    scale_onehot : bool, default=False
        Put zeros and ones of categories to the robust scale too.
    numeric_embedding : {"piecewise_linear", "periodic"} or None, \
            default="piecewise_linear"
        Turn each number into several: by a learned piecewise linear function with bends
        at the edges of bins [3]_, or by waves of learned frequencies [2]_.
    embedding_dim : int, default=8
        How many.
    n_bins : int, default=32
        Most bins of a column.
    binning : {"quantile", "tree"}, default="quantile"
        Bins of equal weight, or those of a decision tree on the column.
    n_frequencies : int, default=16
        Waves of a column.
    frequency_scale : float, default=0.1
        Standard deviation of the initial frequencies.
    l1 : float, default=0.0
        Strength of ``l1 * sum(abs(w))``, added to the mean loss for the weights of all
        layers, not the biases. Weights reach exactly zero.
    l2 : float, default=0.0
        Strength of ``l2 / 2 * sum(w ** 2)``, likewise. Not divided by the rows of the
        batch: scikit-learn's `alpha` is ``l2 * batch_size``.
    weight_decay : float, default=3e-4
        Decoupled decay: before each step weights are multiplied by ``1 - learning_rate
        * weight_decay``. Not with "lbfgs".
    weight_decay_schedule : {"constant", "cosine", "flat_cosine"} or None, default=None
        How `weight_decay` changes over the training.
    label_smoothing : float, default=0.0
        Share of every label, in [0, 1), that is spread over all classes.
    max_grad_norm : float or None, default=1.0
        Longest gradient, in Euclidean norm; a longer one is scaled down.
    weight_averaging : {"ema", "swa"} or None, default="ema"
        Predict with an exponential moving average over steps, or with the mean over the
        last quarter of `max_epochs`, where training gets there; not in `partial_fit`.
    loss : {"cross_entropy", "focal"} or torch loss class, default="cross_entropy"
        "focal" plays down what is right already [5]_. A class is called with logits.
    focal_gamma : float, default=2.0
        Exponent of the focal loss, at least 0, where it equals cross-entropy.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class, multiplied with `sample_weight`; "balanced" gives all
        classes the same total weight. One class a row only.
    optimizer : str or torch.optim.Optimizer class, default="adamw"
        "sgd", "adam", "adamw", "nadam", "radam", "rmsprop", "adagrad" or "lbfgs".
        L-BFGS takes all rows at once.
    learning_rate : float, default=4e-3
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
        Rows in a step; "auto" is 64, from 1,500 training rows on 128, from 6,000 on
        256. "lbfgs" takes all rows.
    max_epochs : int, default=200
        Passes over the training rows, at most.
    shuffle : bool, default=True
        Draw a new order of the rows for each epoch.
    early_stopping : bool or "auto", default="auto"
        Hold rows out, stop when `scoring` on them stands still, and keep the best
        epoch's weights. "auto" does so where `X_val` is given or there are 100 rows.
    validation_fraction : float, default=0.1
        Share of the rows, in (0, 1), to hold out, each class its share. A class of two
        rows or more is never left out; see the user guide for rare ones.
    scoring : str or callable, default="loss"
        What is watched on the validation rows: "loss" or any scikit-learn scorer. The
        loss stands in for a score that never has a value.
    n_iter_no_change : int or numpy.inf, default=16
        Epochs without an improvement of more than `tol` before training stops.
    tol : float or None, default=0.0
        Smallest improvement that counts; None never stops.
    calibration : {"temperature"} or None, default=None
        Divide the logits by the number that makes the log-loss of the validation rows
        smallest [4]_, where there are any.
    time_limit : float or None, default=None
        Seconds that `fit` may take. No epoch is begun that would not end in time, the
        first one excepted; the best so far is kept.
    refit : bool, default=False
        Train once more, on the rows held out too, up to the best epoch.
    warm_start : bool, default=False
        Go on from the present weights when `fit` is called again.
    random_state : int, RandomState instance, Generator or None, default=None
        Seeds all that is random. The same int gives the same bits, whatever the joblib
        backend; no global generator is ever read or moved.
    device : str or torch.device, default="auto"
        "auto" (CUDA, else MPS, else CPU), "cpu", "cuda", "cuda:1", "mps".
    dtype : {"auto", "float32", "float64"}, default="auto"
        Of the weights. "auto" is float64 where X is, on the CPU, when all training rows
        fit in one batch; else float32.
    precision : {"auto", "full", "bfloat16", "float16"}, default="auto"
        What a step is computed in; "auto" is "full" but for large steps on CUDA.
        "lbfgs", and classes whose step needs a closure, train in full precision where
        it is "float16".
    n_threads : int, "auto" or None, default="auto"
        Threads torch may use during a call. "auto" is one in a worker of joblib and for
        small networks, else torch's setting, which None always is.
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
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had string column names.
    n_outputs_ : int
        Width of the last layer.
    net_ : skorch.NeuralNet
        The net that trained, with skorch's history.
    module_ : torch.nn.Module
        The trained network; it sees encoded rows.
    history_ : dict of str to ndarray of shape (n_epochs,)
        "epoch", "train_loss", "learning_rate", "duration" (seconds), and "valid_loss"
        and "valid_score" where they were taken.
    loss_, best_loss_ : float
        Training loss of the last epoch; smallest loss of all, of validation if any.
    loss_curve_, validation_loss_curve_, validation_scores_ : list of float or None
        Columns of `history_`.
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
    TabularMLPRegressor : The same network for numbers.
    MLPClassifier : The textbook perceptron.
    recipe_params : Parameters of published models.

    Notes
    -----
    The defaults were tuned on the benchmark sets of the documentation. All that is
    learnt from data, bins included, is learnt from the training rows, by their weights.

    References
    ----------
    .. [1] Gorishniy, Kotelnikov, Babenko, "TabM: Advancing Tabular Deep Learning with
       Parameter-Efficient Ensembling", ICLR 2025, :arxiv:`2410.24210`
    .. [2] Holzmüller, Grinsztajn, Steinwart, "Better by Default: Strong Pre-Tuned MLPs
       and Boosted Trees on Tabular Data", NeurIPS 2024, :arxiv:`2407.04491`
    .. [3] Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features in
       Tabular Deep Learning", NeurIPS 2022, :arxiv:`2203.05556`
    .. [4] Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks",
       ICML 2017, :arxiv:`1706.04599`
    .. [5] Lin, Goyal, Girshick, He, Dollar, "Focal Loss for Dense Object Detection",
       ICCV 2017, :arxiv:`1708.02002`

    Examples
    --------
    >>> import numpy as np
    >>> from skdeep import TabularMLPClassifier
    >>> rng = np.random.default_rng(0)
    >>> size, kind = rng.standard_normal(200), rng.choice(["a", "b"], 200)
    >>> X = np.column_stack([size, kind]).astype(object)
    >>> X[:, 0] = np.where(rng.random(200) < 0.1, np.nan, size)
    >>> y = np.where((size > 0) == (kind == "a"), "yes", "no")
    >>> classifier = TabularMLPClassifier((32,), max_epochs=40, random_state=0)
    >>> classifier.fit(X, y).score(X, y) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **TABULAR_CONSTRAINTS,
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "loss": [NameOrClass(LOSSES_CLASSIFICATION, torch.nn.Module)],
        "focal_gamma": [Interval(Real, 0, None, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "calibration": [StrOptions({"temperature"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (128, 128),
        *,
        n_hidden_layers: int | None = None,
        activation: Any = "relu",
        parametric_activation: bool = False,
        normalization: str | None = None,
        dropout: Any = 0.0,
        dropout_schedule: str | None = None,
        residual: bool = False,
        n_ensemble: int = 8,
        feature_gate: float | None = None,
        parametrization: str = "standard",
        data_dependent_init: bool = False,
        categorical_features: Any = "from_dtype",
        max_onehot: int = 8,
        category_dim: int = 8,
        feature_scaling: str | None = "quantile",
        missing_indicators: bool = True,
        scale_onehot: bool = False,
        numeric_embedding: str | None = "piecewise_linear",
        embedding_dim: int = 8,
        n_bins: int = 32,
        binning: str = "quantile",
        n_frequencies: int = 16,
        frequency_scale: float = 0.1,
        l1: float = 0.0,
        l2: float = 0.0,
        weight_decay: float = 3e-4,
        weight_decay_schedule: str | None = None,
        label_smoothing: float = 0.0,
        max_grad_norm: float | None = 1.0,
        weight_averaging: str | None = "ema",
        loss: Any = "cross_entropy",
        focal_gamma: float = 2.0,
        class_weight: Any = None,
        optimizer: Any = "adamw",
        learning_rate: float = 4e-3,
        momentum: float = 0.9,
        nesterov: bool = True,
        betas: tuple[float, float] = (0.9, 0.999),
        optimizer_params: dict[str, Any] | None = None,
        lr_schedule: str | None = None,
        warmup_fraction: float = 0.0,
        batch_size: int | str = "auto",
        max_epochs: int = 200,
        shuffle: bool = True,
        early_stopping: bool | str = "auto",
        validation_fraction: float = 0.1,
        scoring: Any = "loss",
        n_iter_no_change: float = 16,
        tol: float | None = 0.0,
        calibration: str | None = None,
        time_limit: float | None = None,
        refit: bool = False,
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
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_hidden_layers = n_hidden_layers
        self.activation = activation
        self.parametric_activation = parametric_activation
        self.normalization = normalization
        self.dropout = dropout
        self.dropout_schedule = dropout_schedule
        self.residual = residual
        self.n_ensemble = n_ensemble
        self.feature_gate = feature_gate
        self.parametrization = parametrization
        self.data_dependent_init = data_dependent_init
        self.categorical_features = categorical_features
        self.max_onehot = max_onehot
        self.category_dim = category_dim
        self.feature_scaling = feature_scaling
        self.missing_indicators = missing_indicators
        self.scale_onehot = scale_onehot
        self.numeric_embedding = numeric_embedding
        self.embedding_dim = embedding_dim
        self.n_bins = n_bins
        self.binning = binning
        self.n_frequencies = n_frequencies
        self.frequency_scale = frequency_scale
        self.l1 = l1
        self.l2 = l2
        self.weight_decay = weight_decay
        self.weight_decay_schedule = weight_decay_schedule
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
        self.calibration = calibration
        self.time_limit = time_limit
        self.refit = refit
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.dtype = dtype
        self.precision = precision
        self.n_threads = n_threads
        self.compile = compile
        self.callbacks = callbacks
        self.verbose = verbose
