"""The textbook perceptron as a classifier."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from skdeep._compat import Interval, StrOptions
from skdeep._constraints import NameOrClass
from skdeep.base import DeepClassifier
from skdeep.losses import LOSSES_CLASSIFICATION
from skdeep.tabular._mlp import MLP_CONSTRAINTS, MLPBase

if TYPE_CHECKING:
    from skdeep._typing import DeviceSpec, Seed


class MLPClassifier(MLPBase, DeepClassifier):
    """Multilayer perceptron classifier trained by gradient descent.

    The textbook network [1]_ with every knob: layers, activations, losses, penalties,
    optimizers, schedules, early stopping. It scales its inputs itself. Binary,
    multiclass and multilabel targets with labels of any type; dense and sparse inputs.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Number of neurons of each hidden layer; empty for a linear model.
    n_hidden_layers : int or None, default=None
        Repeats a single width: ``hidden_layer_sizes=64, n_hidden_layers=3`` is ``(64,
        64, 64)``, so that a search can sample depth and width as two numbers. None
        takes `hidden_layer_sizes` as it is.
    activation : str, torch.nn.Module class, function, or sequence of these, \
            default="relu"
        "relu", "sigmoid" (also "logistic"), "tanh", "identity", "leaky_relu", "elu",
        "selu", "gelu", "silu", "mish", "softplus" or "hardswish"; or one for each
        hidden layer. Foreign modules may draw from torch's global generator, which is
        lent to them, seeded, under a lock, and restored.
    normalization : {"batch", "layer"} or None, default=None
        Normalization between the linear map and the activation of each hidden layer.
    dropout : float or sequence of float, default=0.0
        Probability, in [0, 1), that a hidden neuron is dropped in a training step; or
        one for each hidden layer.
    residual : bool, default=False
        Add the input of a hidden layer to its output wherever the widths agree.
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
        Rows in a step; "auto" is ``min(200, n_samples)``. "lbfgs" takes all rows.
    max_epochs : int, default=200
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
        Standardise each column by the mean and standard deviation of the training rows.
        Columns of zeros and ones stay as they are: the deviation of a rare category is
        small, and dividing by it would make its ones outliers. Sparse rows give the
        model of their dense copy; for TF-IDF set None.
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
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had string column names.
    n_outputs_ : int
        Width of the last layer.
    n_layers_ : int
        Number of layers, inputs and outputs counted in.
    net_ : skorch.NeuralNet
        The net that trained, with skorch's history.
    module_ : torch.nn.Module
        The trained network; it sees scaled inputs.
    coefs_ : list of ndarray of shape (n_inputs, n_neurons)
        Weights of each layer.
    intercepts_ : list of ndarray of shape (n_neurons,)
        Biases of each layer.
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
    MLPRegressor : The same network for numbers.
    sklearn.neural_network.MLPClassifier : Scikit-learn's own.

    Notes
    -----
    A fit costs about what a loop written by hand in torch costs: batches are slices of
    tensors, and a step is one fused operation over all weights. Only weights are kept.

    References
    ----------
    .. [1] Rumelhart, Hinton, Williams, "Learning representations by back-propagating
       errors", Nature 323, 1986, :doi:`10.1038/323533a0`
    .. [2] Lin, Goyal, Girshick, He, Dollar, "Focal Loss for Dense Object Detection",
       ICCV 2017, :arxiv:`1708.02002`

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import cross_val_score
    >>> from skdeep import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier((32,), learning_rate=0.01, random_state=0)
    >>> cross_val_score(classifier, X, y).mean() > 0.9
    np.True_
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MLP_CONSTRAINTS,
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "loss": [NameOrClass(LOSSES_CLASSIFICATION, torch.nn.Module)],
        "focal_gamma": [Interval(Real, 0, None, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        *,
        n_hidden_layers: int | None = None,
        activation: Any = "relu",
        normalization: str | None = None,
        dropout: Any = 0.0,
        residual: bool = False,
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
        max_epochs: int = 200,
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
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_hidden_layers = n_hidden_layers
        self.activation = activation
        self.normalization = normalization
        self.dropout = dropout
        self.residual = residual
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
