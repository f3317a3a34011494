# ruff: noqa: E501  # data: one mistake a line, read across
"""Mistakes as authors make them: what is changed in the example of which kind, and the check that has to say so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One mistake.

    Attributes:
        kind: of the example, as ``qplug new plugin --kind`` calls it.
        check: the name of the check that fails.
        old: what stands in the example's source.
        new: what stands there instead.
        says: a part of what the check tells.
    """

    kind: str
    check: str
    old: str
    new: str
    says: str


LOAD = "return read_audio(sample.source)"
POWER = "power = np.square(signal.waveform).mean(axis=0)"
MEAN = "chosen.mean.copy_(mean[chosen.places])"
LOGITS = "return self.temperature * functional.normalize(inputs) @ functional.normalize(self.directions).T"
BUILD = "    def build(self, n_inputs: int, n_classes: int)"
CIRCUIT = "    def circuit(self, n_inputs: int)"
ACT = "power = np.square(signal.waveform).mean(axis=0)\n        "

MUTANTS = (
    # Data sets
    Mutant("dataset", "folds", 'fold.removeprefix("fold"))', 'fold.removeprefix("fold")) + 1', "stands in [1]"),
    Mutant("dataset", "folds", 'test="fold", n_folds=3', 'test="fold", n_folds=4', "declares 4 folds"),
    Mutant("dataset", "splits", 'group=path.stem.split("_")[0]', "group=label", "' stands in ['1', '2', '3']"),
    Mutant("dataset", "every-class", '("low", "high")', '("low", "high", "mid")', "no sample has the label 'mid'"),
    Mutant("dataset", "ids", 'id=f"{fold}/{label}/{path.stem}"', "id=str(path)", "is a path of this machine"),
    Mutant("dataset", "ids-elsewhere", 'id=f"{fold}', 'id=f"{folder.name}/{fold}', "other ids, labels or groups"),
    Mutant("dataset", "layout-of-signals", LOAD,
           "read = read_audio(sample.source)\n        return Audio(read.waveform.T.copy(), read.rate)", "transpose it"),
    Mutant("dataset", "layout-of-signals", LOAD,
           "read = read_audio(sample.source)\n        return Audio(read.waveform * 32768, read.rate)", "full scale is 1"),
    Mutant("dataset", "signals", LOAD, "read = read_audio(sample.source)\n        read.waveform[0, 3] = math.nan\n"
           "        return read", "not finite"),
    Mutant("dataset", "signals", LOAD, "read = read_audio(sample.source)\n"
           "        read.waveform[0, 3] = random.random()\n        return read", "something else the second time"),
    Mutant("dataset", "signals", 'modality="audio")', 'modality="audio", rate=16_000)', "declares 16000 Hz"),
    Mutant("dataset", "twins", "hertz * draw.uniform(0.8, 1.2), draw)", "hertz, random.Random(number))",
           "signal of fold1/high/ada10_0"),
    Mutant("dataset", "samples-in-order", 'sorted(folder.glob("fold*/*/*.wav"))',
           'random.sample(list(folder.glob("fold*/*/*.wav")), 24)', "another order"),
    Mutant("dataset", "damaged-file", LOAD, "try:\n            return read_audio(sample.source)\n"
           "        except DataError:\n            return Audio(__import__('numpy').zeros((1, 9), 'float32'), 8000)",
           "raises nothing; a DataError is due"),
    Mutant("dataset", "facts", 'licence = "CC0 1.0"', 'licence = ""', "licence is empty"),
    Mutant("dataset", "defaults", '"training.epochs"', '"train.epochs"', "'train.epochs' does not begin with"),
    # Features
    Mutant("features", "order", POWER, POWER + "\n        self.loudest = max(getattr(self, 'loudest', 1e-9), "
           "float(power.max()))\n        power = power / self.loudest", "after it has seen"),
    Mutant("features", "any-signal", POWER, "signal.waveform[:] *= 2\n        " + POWER, "changed the Audio"),
    Mutant("features", "any-signal", "np.maximum(levels, self.floor)", "np.asarray(levels)", "not finite"),
    Mutant("features", "any-signal", "power, self.n_frames)", "power, min(len(power), self.n_frames))", "promised"),
    Mutant("features", "any-signal", POWER, POWER + " + np.random.default_rng().random()", "the second time"),
    Mutant("features", "excerpt", "    def extract(", "    def excerpt(self, n_samples: int, rate: int) -> tuple[int, int]:"
           "\n        return (0, min(n_samples, 1000))\n\n    def extract(", "is enough, and it is not"),
    Mutant("features", "global-state", ACT, ACT + "__import__('torch').set_default_dtype(__import__('torch').float64)"
           "\n        ", "torch's default dtype"),
    Mutant("features", "global-state", ACT, ACT + "np.random.seed(0)\n        ", "numpy's random state"),
    Mutant("features", "global-state", ACT, ACT + "__import__('warnings').simplefilter('ignore')\n        ",
           "the filters of warnings"),
    Mutant("features", "global-state", ACT, ACT + "__import__('os').chdir('/')\n        ", "the working directory"),
    Mutant("features", "global-state", ACT, ACT + "__import__('logging').disable()\n        ", "logging"),
    Mutant("features", "global-state", ACT, ACT + "s = __import__('signal')\n        s.signal(s.SIGTERM, s.SIG_IGN)"
           "\n        ", "the handling of signals"),
    Mutant("features", "shape", "return (0, 1)  #", "return (0, 2)  #", "are not all axes"),
    # What every kind promises
    Mutant("head", "declaration", "HeadCapabilities(interface=1)", "HeadCapabilities(interface=int('1'))", "interface=1"),
    Mutant("head", "declaration", 'summary = "', 'summary = "" and "', "has no summary"),
    Mutant("head", "declaration", "capabilities = ", "capability = ", "declares no capabilities"),
    Mutant("head", "parameters", ', description="factor of the similarities"', "", "has no description"),
    Mutant("head", "wrong-parameters", "Annotated[float, Field(gt=0, ", "Annotated[object, Field(",
           "its annotation allows everything"),
    Mutant("head", "constructor", BUILD,
           "    def __post_init__(self) -> None:\n        self.network = nn.Linear(2, 2)\n\n" + BUILD, "'network'"),
    Mutant("head", "pickling", BUILD,
           "    def __post_init__(self) -> None:\n        self.key = lambda: 0\n\n" + BUILD, "cannot be pickled"),
    Mutant("head", "documentation", '    """Logits are scaled cosine similarities to one learnt vector per class."""\n', "",
           "has no docstring"),
    Mutant("head", "documentation", 'source = "own work"', 'source = ""', "where it comes from"),
    # Heads
    Mutant("head", "logits", LOGITS, LOGITS.replace("return ", "return functional.softmax(") + ", dim=1)", "probabilities"),
    Mutant("head", "batch-of-one", LOGITS, "inputs = inputs - inputs.mean(dim=0)\n        " + LOGITS, "than in a batch"),
    Mutant("head", "empty-batch", LOGITS, "inputs = inputs / inputs.abs().max()\n        " + LOGITS, "empty-batch"),
    Mutant("head", "saved-weights", "nn.Parameter(torch.randn(n_classes, n_inputs))",
           "torch.randn(n_classes, n_inputs)", "after load_state_dict"),
    Mutant("head", "gradients", "normalize(self.directions)", "normalize(self.directions.detach())", "no gradient"),
    Mutant("head", "outputs", LOGITS, LOGITS.replace("return ", "return (") + ").double()", "torch.float64, not float32"),
    Mutant("head", "gradient-values", LOGITS, "inputs = 2 * inputs - inputs.detach()\n        " + LOGITS, "'s gradient is"),
    Mutant("head", "inputs-unchanged", LOGITS, "inputs.add_(1)\n        " + LOGITS, "changes the inputs"),
    Mutant("head", "seed", "torch.randn(n_classes, n_inputs)",
           "torch.randn(n_classes, n_inputs, generator=torch.Generator().manual_seed(id(object()) + torch.seed() % 99))",
           "differs in directions"),
    Mutant("head", "quantum-declared", "interface=1)", "interface=1, quantum=True)", "is no QuantumHead"),
    Mutant("head", "module-copies", "self.temperature = temperature",
           "self.temperature = temperature\n        self.key = lambda: 0", "cannot be pickled"),
    # Reducers and backbones
    Mutant("reducer", "fit-inputs-unchanged", MEAN, MEAN + "\n        training.inputs.sub_(mean)", "changes the training part"),
    Mutant("reducer", "fit-repeats", MEAN, MEAN + "\n        chosen.mean.add_(torch.rand(n_outputs))", "training.seed"),
    Mutant("reducer", "fit-repeats", MEAN, MEAN + "\n        self.seen = getattr(self, 'seen', 0) + len(training.inputs)"
           "\n        chosen.mean.add_(self.seen)", "the second time"),
    Mutant("reducer", "width", "module = Chosen(n_inputs, n_outputs)", "module = Chosen(n_inputs, n_outputs - 1)\n"
           "        return module", "promised 8 outputs and gave 7"),
    Mutant("reducer", "not-fitted-here", 'if hasattr(self, "_fitted"):', "if True:", "gives no module to load weights"),
    Mutant("backbone", "outputs", "            nn.AdaptiveAvgPool2d(1),\n            nn.Flatten(),\n", "", "module gave"),
    Mutant("backbone", "learnt-weights", "    def build(", "    def load_weights(self, module: nn.Module, path: object) -> None:"
           "\n        module.register_buffer('more', __import__('torch').ones(1))\n\n    def build(", "changes which weights there are"),
    # Quantum heads
    Mutant("quantum-head", "quantum-declared", "quantum=True", "quantum=False", "declares quantum=False"),
    Mutant("quantum-head", "weight-angles", CIRCUIT, "    def weight_angles(self, parameters: Tensor) -> Tensor:\n"
           "        return parameters * (parameters.new_ones(6).cumsum(0) > 3)\n\n" + CIRCUIT, "3 of 6 angles depend on no"),
    Mutant("quantum-head", "parameters-used", CIRCUIT, "    def weight_angles(self, parameters: Tensor) -> Tensor:\n"
           "        return parameters[:6]\n\n    def initial_parameters(self, circuit: Circuit, generator: object) -> Tensor:\n"
           "        return __import__('torch').linspace(0, 1, 12)\n\n" + CIRCUIT, "6 of 12 trainable parameters"),
    Mutant("quantum-head", "inputs-used", "return self.scale * inputs", "return self.scale * inputs * inputs.new_tensor([0, 1, 1])",
           "1 of 3 inputs reach no"),
    Mutant("quantum-head", "gradient-values", "return self.scale * inputs",
           "return self.scale * (2 * inputs - inputs.detach())", "the gradient is"),
    Mutant("quantum-head", "same-circuit", "wires = range(self.n_qubits)",
           "wires = range(self.n_qubits)\n        self.n_layers += 1", "another circuit at the second call"),
    # Backends
    Mutant("backend", "order", "states, gate.wires)", "states, gate.wires[::-1])", "control and target"),
    Mutant("backend", "gates", "- 1j * half.sin()", "+ 1j * half.sin()", "expectation values"),
    Mutant("backend", "observables", '"Y": Y, "Z"', '"Y": -Y, "Z"', "every Pauli string"),
    Mutant("backend", "field", "return torch.stack(values, dim=1).to(encoding.dtype)",
           "made = torch.stack(values, dim=1).to(encoding.dtype)\n        return 2 * made - made.detach()", "gradients to the"),
    Mutant("backend", "batch-of-one", ".to(encoding.dtype)", "", "must have the angles' dtype"),
    Mutant("backend", "gradient-declared", 'gradient="autograd"', "gradient=None", "declares no gradient and gives one"),
    Mutant("backend", "gradient-declared", "dim=1).to(encoding.dtype)", "dim=1).to(encoding.dtype).detach()",
           "cuts its values off"),
    Mutant("backend", "too-many-qubits", "    def expectations(", "    def accept(self, circuit: Circuit) -> None:\n"
           "        pass\n\n    def expectations(", "accepts a circuit with 13"),
    # Remote backends, executors, hooks
    Mutant("remote-backend", "sent-and-collected", '["tag"] == work.tag', '["tag"] != ""', "finds work by another tag"),
    Mutant("remote-backend", "forecast", "executions = work.shots *", "executions = 0 * work.shots + ", "for less work"),
    Mutant("remote-backend", "cancelled", 'Failed(told["reason"]', 'Failed(""', "does not say why"),
    Mutant("executor", "no-cells", "        for cell in cells:", '        yield Done("", None, "none")\n        for cell in cells:',
           "though nobody asked"),
    Mutant("hooks", "hooks", "run_failed(self, run: RunInfo, reason: str)", "run_failed(self, run: RunInfo, why: str)", "why"),
    Mutant("hooks", "a-run", "dict(metrics['test'])", "metrics.pop('test')", "cannot be changed"),
    Mutant("hooks", "global-state", 'told = ", ".join',
           '__import__("os").environ.update(A="1")\n        told = ", ".join', "the environment"),
)  # fmt: skip
