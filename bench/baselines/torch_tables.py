"""Tables trained in PyTorch: sparse gradients and steps with them, and steps with dense gradients."""

from ..workloads.embedding import RATE, SGD, SPARSE
from . import Candidate


def candidates(workload, operands, device, torch, tensor, array):
    """{name: Candidate} of a row whose direction is SPARSE, SGD or ADAM; `tensor` and `array` convert."""
    ids, grad_output = tensor(operands["ids"]), tensor(operands["grad_output"])
    table = tensor(operands["table"])
    if workload.direction == SPARSE:
        return {"torch": _sparse_gradient(ids, table, grad_output, device, torch, array)}
    found = {}
    for name, sparse in (("torch", True), ("torch dense", False)):
        weight = torch.nn.Parameter(table.clone())
        if workload.direction == SGD:
            optimizer = torch.optim.SGD([weight], RATE)
        elif sparse:
            optimizer = torch.optim.SparseAdam([weight], RATE, eps=1e-7)
        else:
            # PyTorch's dense Adam adds epsilon after the bias correction: this is ours at the first step.
            optimizer = torch.optim.Adam([weight], RATE, eps=1e-7 / 1e-3**0.5)
        found[name] = _step(ids, weight, grad_output, optimizer, sparse, device, torch, array)
    return found


def _sparse_gradient(ids, table, grad_output, device, torch, array):
    table = table.requires_grad_()

    def run():
        output = torch.nn.functional.embedding(ids, table, sparse=True)
        (grad,) = torch.autograd.grad(output, [table], grad_output)
        return output, grad.coalesce()  # sums the rows of equal ids, as our gradient has them

    def outputs(result):
        output, grad = result
        found = {"output": output, "unique_ids": grad.indices()[0], "grad_rows": grad.values()}
        return {name: array(value, device) for name, value in found.items()}

    return Candidate(run, outputs)


def _step(ids, weight, grad_output, optimizer, sparse, device, torch, array):
    def run():
        optimizer.zero_grad(set_to_none=True)
        output = torch.nn.functional.embedding(ids, weight, sparse=sparse)
        output.backward(grad_output)
        optimizer.step()
        return output

    return Candidate(run, lambda output: {"output": array(output, device), "table": array(weight, device)})
