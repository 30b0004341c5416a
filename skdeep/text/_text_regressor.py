"""The network for texts as a regressor."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from skdeep._compat import Interval, StrOptions
from skdeep._constraints import Levels, NameOrClass
from skdeep.base import DeepRegressor
from skdeep.losses import LOSSES_REGRESSION
from skdeep.text._inputs import TextBase
from skdeep.text._parameters import TEXT_CONSTRAINTS

if TYPE_CHECKING:
    from skdeep._typing import DeviceSpec, Seed


class TextRegressor(TextBase, DeepRegressor):
    """Regressor on texts, by the vectors of their words and n-grams.

    Raw texts in; every word and n-gram gets a vector, those of a text are added up, and
    a perceptron of any depth turns them into numbers: the idea of fastText [1]_. Or
    convolutions read the words in their order. `transform` returns the vectors.

    Parameters
    ----------
    ngram_range : tuple of two int, default=(1, 2)
        Least and most words in a row that are looked at together.
    char_ngram_range : tuple of two int or None, default=None
        Likewise of characters within a word, its ends included; None takes none. (2, 4)
        helps against misspellings and takes up to twice as long.
    n_features : int or None, default=None
        Hash n-grams to so many numbers, which some then share [2]_; None keeps a
        vocabulary of the training texts.
    min_df : int or float, default=1
        Least number, or share, of training texts that an n-gram stands in. Like
        `max_features` not with `n_features`.
    max_features : int or None, default=None
        The most n-grams to keep: those in the most training texts.
    use_idf : bool, default=False
        Weigh n-grams by their inverse document frequency, as scikit-learn's TF-IDF.
    sublinear_tf : bool, default=False
        Count an n-gram that stands n times in a text as ``1 + log(n)``.
    lowercase : bool, default=True
        Take upper and lower case for the same.
    tokenizer : callable or None, default=None
        From a text to its words. None takes runs of letters and digits, and each mark
        or symbol by itself.
    pooling : {"sqrtn", "mean", "sum", "max"}, default="sqrtn"
        How the vectors of n-grams become one of a text: their weighted sum, divided by
        the Euclidean norm of the weights, by their sum, or by nothing; or the largest
        number in each place.
    embedding_dim : int, default=64
        Numbers in the vector of an n-gram.
    embeddings : str, path or None, default=None
        File of word vectors of `embedding_dim` numbers to start from, in the text
        format of GloVe, word2vec or fastText, also under gzip.
    trainable_embeddings : bool, default=True
        Whether vectors of that file are trained on; all others are.
    embedding_dropout : float, default=0.0
        Probability, in [0, 1), that a number of a text's vector is dropped in a
        training step.
    conv_channels : int or None, default=None
        Read words in their order by convolutions of so many channels each [3]_, in
        place of n-grams in none: `ngram_range`, `char_ngram_range`, `use_idf`,
        `sublinear_tf` and `pooling` then have no part. None does not.
    kernel_sizes : int or sequence of int, default=(3, 4, 5)
        Words in the window of each of them; ReLU and the largest response over the text
        follow.
    max_length : int or None, default=None
        Words that they read of a text, at most.
    hidden_layer_sizes : int or sequence of int, default=()
        Number of neurons of each hidden layer behind the vector of a text.
    n_hidden_layers : int or None, default=None
        Repeats a single width: ``hidden_layer_sizes=64, n_hidden_layers=3`` is ``(64,
        64, 64)``. None takes `hidden_layer_sizes` as it is.
    activation : str, torch.nn.Module class, function, or sequence of these, \
            default="relu"
        "relu", "sigmoid" (also "logistic"), "tanh", "identity", "leaky_relu", "elu",
        "selu", "gelu", "silu", "mish", "softplus" or "hardswish"; or one for each
        hidden layer. Foreign modules may draw from torch's global generator, which
        is lent to them, seeded, under a lock, and restored.
    normalization : {"batch", "layer"} or None, default=None
        Normalization before each activation. "batch" trains deep networks faster; it
        takes no notice of weights of rows.
    dropout : float or sequence of float, default=0.0
        Probability, in [0, 1), that a hidden neuron is dropped in a training
        step; or one for each hidden layer.
    residual : bool, default=False
        Add the input of a hidden layer to its output wherever the widths agree.
    augmenter : TextAugmenter or None, default=None
        Changes training texts, each epoch anew; never others. One visit in ``1 +
        n_aug`` sees the text itself. Searched as in ``augmenter__delete``.
    l1 : float, default=0.0
        Strength of ``l1 * sum(abs(w))``, added to the mean loss for the weights of all
        layers, not the biases. Weights reach exactly zero.
    l2 : float, default=0.0
        Strength of ``l2 / 2 * sum(w ** 2)``, likewise. Not divided by the rows of the
        batch: scikit-learn's `alpha` is ``l2 * batch_size``.
    weight_decay : float, default=0.0
        Decoupled decay: before each step weights are multiplied by ``1 - learning_rate
        * weight_decay``. Not with "lbfgs".
    max_grad_norm : float or None, default=None
        Longest gradient, in Euclidean norm; a longer one is scaled down.
    weight_averaging : {"ema", "swa"} or None, default=None
        Predict with an exponential moving average over steps, or with the mean over the
        last quarter of `max_epochs`, where training gets there; not in `partial_fit`.
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
    optimizer : str or torch.optim.Optimizer class, default="adam"
        "sgd", "adam", "adamw", "nadam", "radam", "rmsprop", "adagrad" or "lbfgs".
        L-BFGS takes all rows at once, one iteration an epoch, with a line search in
        place of a learning rate.
    learning_rate : float, default=3e-3
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
            "plateau", "flat_cosine", "coslog"} or None, default="cosine"
        How the learning rate changes with the share of `max_epochs` done; "plateau"
        divides it by five when the loss stands still. None is "constant".
    warmup_fraction : float, default=0.0
        Share of the training, in [0, 1), over which the rate rises from zero.
    batch_size : int or "auto", default="auto"
        Rows in a step; "auto" is a fiftieth of all, between 8 and 128. "lbfgs" takes
        all rows.
    max_epochs : int, default=10
        Passes over the training rows, at most.
    shuffle : bool, default=True
        Draw a new order of the rows for each epoch.
    early_stopping : bool or "auto", default=False
        Hold rows out, stop when `scoring` on them stands still, and keep the weights of
        the best epoch. "auto" does so where `X_val` is given or there are at least
        10,000 rows. Without, training stops when the training loss stands still.
    validation_fraction : float, default=0.1
        Share of the rows, in (0, 1), to hold out.
    scoring : str or callable, default="loss"
        What is watched on the validation rows: "loss" or any scikit-learn scorer. The
        loss stands in for a score that never has a value.
    n_iter_no_change : int or numpy.inf, default=10
        Epochs without an improvement of more than `tol` before training stops.
    tol : float or None, default=1e-4
        Smallest improvement that counts; None never stops.
    target_scaling : {"standard"} or None, default="standard"
        Standardise each target, and predict in its own units; under
        ``loss="poisson"`` divide by its mean.
    warm_start : bool, default=False
        Go on from the present weights when `fit` is called again.
    random_state : int, RandomState instance, Generator or None, default=None
        Seeds the initial weights, the order of the rows, dropout and the hold-out. The
        same int gives the same bits, whatever the joblib backend. None takes fresh
        entropy; no global generator is ever read or moved.
    device : str or torch.device, default="auto"
        "auto" (CUDA, else MPS, else CPU), "cpu", "cuda", "cuda:1", "mps".
    dtype : {"auto", "float32", "float64"}, default="auto"
        Of the weights. "auto" is float64 on the CPU when all training texts fit in one
        batch: then weighing a text by two equals giving it twice. Else float32.
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
    n_outputs_ : int
        Width of the last layer.
    net_ : skorch.NeuralNet
        The net that trained, with skorch's history.
    module_ : torch.nn.Module
        The trained network; it sees encoded texts.
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
    TextClassifier : The same network for classes.
    TextAugmenter : Changes training texts.
    MLPRegressor : Behind scikit-learn's TfidfVectorizer the other strong model.

    Notes
    -----
    Losses are in units of the scaled target; `predict` answers in units of the target.

    Texts are a list or another sequence, such as a column of Hugging Face datasets, an
    array of NumPy or Arrow, a Series of pandas or polars, or a frame of one column;
    every one is a str, which may be empty. What stands in no training text is left out.

    A step updates the vectors of the whole vocabulary: it takes time in proportion to
    `embedding_dim` times the number of n-grams, which `max_features`, `min_df` and
    `n_features` bound.

    References
    ----------
    .. [1] Joulin, Grave, Bojanowski, Mikolov, "Bag of Tricks for Efficient Text
       Classification", EACL 2017, :arxiv:`1607.01759`
    .. [2] Weinberger, Dasgupta, Langford, Smola, Attenberg, "Feature Hashing for Large
       Scale Multitask Learning", ICML 2009, :arxiv:`0902.2206`
    .. [3] Kim, "Convolutional Neural Networks for Sentence Classification", EMNLP 2014,
       :arxiv:`1408.5882`

    Examples
    --------
    >>> from skdeep import TextRegressor
    >>> texts = ["very good", "good", "not good", "bad", "very bad"] * 4
    >>> stars = [5.0, 4.0, 2.0, 2.0, 1.0] * 4
    >>> regressor = TextRegressor(max_epochs=60, random_state=0).fit(texts, stars)
    >>> regressor.predict(["very good", "very bad"]).round()
    array([5., 1.])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **TEXT_CONSTRAINTS,
        "loss": [NameOrClass(LOSSES_REGRESSION, torch.nn.Module)],
        "quantile": [Levels()],
        "huber_delta": [Interval(Real, 0, None, closed="neither")],
        "target_scaling": [StrOptions({"standard"}), None],
    }

    def __init__(
        self,
        ngram_range: tuple[int, int] = (1, 2),
        *,
        char_ngram_range: tuple[int, int] | None = None,
        n_features: int | None = None,
        min_df: float = 1,
        max_features: int | None = None,
        use_idf: bool = False,
        sublinear_tf: bool = False,
        lowercase: bool = True,
        tokenizer: Any = None,
        pooling: str = "sqrtn",
        embedding_dim: int = 64,
        embeddings: Any = None,
        trainable_embeddings: bool = True,
        embedding_dropout: float = 0.0,
        conv_channels: int | None = None,
        kernel_sizes: Any = (3, 4, 5),
        max_length: int | None = None,
        hidden_layer_sizes: Any = (),
        n_hidden_layers: int | None = None,
        activation: Any = "relu",
        normalization: str | None = None,
        dropout: Any = 0.0,
        residual: bool = False,
        augmenter: Any = None,
        l1: float = 0.0,
        l2: float = 0.0,
        weight_decay: float = 0.0,
        max_grad_norm: float | None = None,
        weight_averaging: str | None = None,
        loss: Any = "squared_error",
        quantile: Any = 0.5,
        huber_delta: float = 1.0,
        optimizer: Any = "adam",
        learning_rate: float = 3e-3,
        momentum: float = 0.9,
        nesterov: bool = True,
        betas: tuple[float, float] = (0.9, 0.999),
        optimizer_params: dict[str, Any] | None = None,
        lr_schedule: str | None = "cosine",
        warmup_fraction: float = 0.0,
        batch_size: int | str = "auto",
        max_epochs: int = 10,
        shuffle: bool = True,
        early_stopping: bool | str = False,
        validation_fraction: float = 0.1,
        scoring: Any = "loss",
        n_iter_no_change: float = 10,
        tol: float | None = 1e-4,
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
        self.ngram_range = ngram_range
        self.char_ngram_range = char_ngram_range
        self.n_features = n_features
        self.min_df = min_df
        self.max_features = max_features
        self.use_idf = use_idf
        self.sublinear_tf = sublinear_tf
        self.lowercase = lowercase
        self.tokenizer = tokenizer
        self.pooling = pooling
        self.embedding_dim = embedding_dim
        self.embeddings = embeddings
        self.trainable_embeddings = trainable_embeddings
        self.embedding_dropout = embedding_dropout
        self.conv_channels = conv_channels
        self.kernel_sizes = kernel_sizes
        self.max_length = max_length
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_hidden_layers = n_hidden_layers
        self.activation = activation
        self.normalization = normalization
        self.dropout = dropout
        self.residual = residual
        self.augmenter = augmenter
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
