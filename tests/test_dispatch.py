"""The choice among implementations, and its explanation."""

import dataclasses

import numpy as np
import pytest

import gpulayers.ops
from gpulayers.ops import arrays, dispatch
from gpulayers.ops.embedding import EmbeddingProblem
from gpulayers.ops.recording import RecordingDevice


@dataclasses.dataclass(frozen=True)
class Problem:
    size: int


@pytest.fixture
def operation(monkeypatch):
    monkeypatch.setattr(dispatch, "OPERATIONS", {})

    def too_large(problem, device):
        return f"size {problem.size} is over 8" if problem.size > 8 else None

    @dispatch.cuda_implementation("family/fast.cu", too_large)
    def fast(problem, device, x):
        return "fast", x

    @dispatch.cuda_implementation("family/general.cu")
    def general(problem, device, x):
        return "general", x

    def reference(problem, x):
        return "reference", x

    return dispatch.Operation("family.forward", Problem, [fast, general, dispatch.numpy_implementation(reference)])


def test_the_first_that_takes_the_problem_runs(operation):
    gpu = RecordingDevice("sm_90")
    assert operation(Problem(8), gpu, 1) == ("fast", 1)
    assert operation(Problem(9), gpu, 2) == ("general", 2)
    assert operation(Problem(8), arrays.CPU, 3) == ("reference", 3)


def test_explain_gives_every_reason(operation):
    assert operation.explain(Problem(9), RecordingDevice("sm_90")) == (
        "family.forward on recording (sm_90):\n"
        "     fast (family/fast.cu): size 9 is over 8\n"
        "  -> general (family/general.cu): chosen"
    )
    assert "-> reference.reference: chosen" in dispatch.explain(Problem(1), arrays.CPU)
    with pytest.raises(TypeError, match="Received: int"):
        dispatch.explain(3)


def test_no_implementation_is_an_error_with_reasons(monkeypatch):
    monkeypatch.setattr(dispatch, "OPERATIONS", {})
    empty = dispatch.Operation("family.backward", Problem, [dispatch.numpy_implementation(lambda problem: None)])
    with pytest.raises(ValueError, match="No implementation of family.backward.*runs on numpy"):
        empty(Problem(1), RecordingDevice("sm_90"))


def test_the_choice_is_remembered_within_bounds(operation, monkeypatch):
    monkeypatch.setattr(dispatch, "_REMEMBERED", 10)
    device = RecordingDevice("sm_90")
    chosen = operation.choose(Problem(1), device)
    monkeypatch.setattr(operation, "implementations", ())
    assert operation.choose(Problem(1), device) is chosen
    with pytest.raises(ValueError):
        operation.choose(Problem(2), device)
    for size in range(100):
        operation._chosen[Problem(size + 10), device] = chosen
    operation.implementations = (chosen,)
    operation.choose(Problem(3), device)
    assert len(operation._chosen) == 1


def test_every_operation_has_an_implementation_for_each_kind_of_device():
    assert len(dispatch.OPERATIONS) >= len(gpulayers.ops.__all__) // 3
    for operation in dispatch.OPERATIONS.values():
        assert {each.runs for each in operation.implementations} == {"cuda", "numpy"}, operation.name


def test_explain_a_real_problem():
    problem = EmbeddingProblem.resolve(np.zeros(3, np.int32), (5, 4), np.float32)
    text = gpulayers.ops.explain(problem, RecordingDevice("sm_80"))
    assert "-> gather_forward (embedding/gather.cu): chosen" in text and "-> sorted_backward" in text


@dataclasses.dataclass(frozen=True)
class _Inner:
    value: float


@dispatch.problem_type
class Remembering:
    """Counts how often it is resolved."""

    shape: tuple
    dtype: np.dtype
    padding: object
    inner: _Inner

    @classmethod
    @dispatch.remembered
    def resolve(cls, shape, dtype, *, padding="valid"):
        calls.append((shape, dtype, padding))
        if padding == "wrong":
            raise ValueError("Received: 'wrong'")
        return cls(tuple(shape), dtype, padding, _Inner(padding))


calls = []


def test_a_problem_is_resolved_once():
    calls.clear()
    bfloat16 = arrays.bfloat16
    first = Remembering.resolve((2, 3), np.dtype(np.float32))
    assert Remembering.resolve((2, 3), np.dtype("float32")) is first and len(calls) == 1
    others = [
        Remembering.resolve((2, 3), bfloat16),
        Remembering.resolve((2, 3), np.dtype(np.float16)),
        Remembering.resolve((2, 3), np.dtype(np.float32), padding=1),
        Remembering.resolve((2, 3), np.dtype(np.float32), padding=True),
        Remembering.resolve((2, 3), np.dtype(np.float32), padding=1.0),
        Remembering.resolve((2, 3), np.dtype(np.float32), padding=((1, 2), (3, 4))),
        Remembering.resolve((2, 3), np.dtype(np.float32), padding=((1, 2), (3, 4.0))),
    ]
    assert len(calls) == 8 and len({id(problem) for problem in others}) == 7
    assert [type(problem.padding) for problem in others[2:5]] == [int, bool, float]


def test_what_cannot_be_remembered_is_resolved_each_time():
    calls.clear()
    thing = object()
    for _ in range(2):
        assert Remembering.resolve((2, 3), np.dtype(np.float32), padding=thing).padding is thing
    for _ in range(2):
        with pytest.raises(ValueError, match="wrong"):
            Remembering.resolve((2, 3), np.dtype(np.float32), padding="wrong")
    assert len(calls) == 4


def test_problems_compare_by_value_and_hash_once(monkeypatch):
    first, second = (Remembering((1, 2), np.dtype(np.float32), 0, _Inner(5)) for _ in range(2))
    assert first == second and first is not second and hash(first) == hash(second)
    assert hash(first) != hash(dataclasses.replace(first, padding=3)) and first != dataclasses.replace(first, padding=3)
    hashed = []
    monkeypatch.setattr(_Inner, "__hash__", lambda self: hashed.append(self) or 7)
    third = Remembering((1, 2), np.dtype(np.float32), 0, _Inner(5))
    assert hash(third) == hash(third) and len(hashed) == 1
