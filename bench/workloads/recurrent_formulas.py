"""The formulas of extended LSTMs and GRUs in float64, forward and back through time.

Every function returns a value and a function from the gradient to the value to those of its operands, so that
the way back is written beside the way forward.
"""

EPSILON = 1e-3  # of the layer normalisations


def sigmoid(xp, z):
    return 0.5 * xp.tanh(0.5 * z) + 0.5


def _normal(xp, a, gain, shift=0.0):
    """Layer normalisation of rows (Ba et al. 2016); the way back gives (da, dgain, dshift)."""
    centred = a - a.mean(axis=1, keepdims=True)
    inverse = 1 / xp.sqrt((centred**2).mean(axis=1, keepdims=True) + EPSILON)
    normal = centred * inverse

    def back(grad):
        d = grad * gain
        da = d - d.mean(axis=1, keepdims=True) - normal * (d * normal).mean(axis=1, keepdims=True)
        return da * inverse, (grad * normal).sum(axis=0), grad.sum(axis=0)

    return normal * gain + shift, back


class _Cell:
    """The operands {name: float64 array}, and the gradients to them, added up as the steps go back."""

    def __init__(self, xp, operands):
        self.xp, self.of = xp, operands
        self.grads = {f"grad_{name}": xp.zeros_like(array) for name, array in operands.items()}

    def product(self, name, a, factors=None):
        """a weight, where each gate's a has factors (batch, gates, n) of its own; back gives da."""
        weight, xp = self.of[name], self.xp
        gates = 1 if factors is None else factors.shape[1]
        width = weight.shape[1] // gates
        parts = [slice(gate * width, (gate + 1) * width) for gate in range(gates)]
        scaled = [a if factors is None else a * factors[:, gate] for gate in range(gates)]

        def back(grad):
            da = xp.zeros_like(a)
            for gate, (part, operand) in enumerate(zip(parts, scaled)):
                self.grads[f"grad_{name}"][:, part] += operand.T @ grad[:, part]
                passed = grad[:, part] @ weight[:, part].T
                da += passed if factors is None else passed * factors[:, gate]
            return da

        return xp.concatenate([o @ weight[:, part] for o, part in zip(scaled, parts)], axis=1), back

    def sums(self, name, gain, a, factors=None):
        """N(a weight), N being the layer normalisation where there is a gain; back gives da."""
        value, back = self.product(name, a, factors)
        if gain not in self.of:
            return value, back
        value, back_normal = _normal(self.xp, value, self.of[gain])

        def both(grad):
            grad, of_gain, _ = back_normal(grad)
            self.grads[f"grad_{gain}"] += of_gain
            return back(grad)

        return value, both

    def mixed(self, name, step, before, after):
        """Zoneout: the drawn part of the new state, the rest of the old; back gives (dbefore, dafter)."""
        if name not in self.of:
            return after, lambda grad: (0, grad)
        taken = self.of[name][:, step]
        return taken * after + (1 - taken) * before, lambda grad: (grad * (1 - taken), grad * taken)


def over_time(cell, step, states):
    """(outputs, gradients) of `step(t, *states) -> (states, back)`, back from the states' gradients to those
    before."""
    outputs, backs = [], []
    for t in range(cell.of["x"].shape[1]):
        states, back = step(t, *states)
        outputs.append(states[0])
        backs.append(back)
    found = {"output": cell.xp.stack(outputs, axis=1)}
    if "grad_output" not in cell.of:
        return found
    grads = [cell.xp.zeros_like(state) for state in states]
    for t, back in reversed(list(enumerate(backs))):
        grads = back(grads[0] + cell.of["grad_output"][:, t], *grads[1:])
    return found | cell.grads


def lstm(operands, xp):
    """{"output", "grad_x", ...} of `ops.lstm` and `ops.lstm_variant`; update_h, update_c and recurrent_scale
    are constants."""
    cell, units = _Cell(xp, operands), operands["weight"].shape[1] // 4
    peephole = operands.get("peephole", xp.zeros((3, units)))
    factors = operands.get("recurrent_scale")

    def step(t, h, c):
        of_x, back_x = cell.sums("weight", "input_gain", operands["x"][:, t])
        of_h, back_h = cell.sums("recurrent_weight", "recurrent_gain", h, factors)
        z = of_x + of_h + operands["bias"]
        i, f, g, o = (z[:, gate * units : (gate + 1) * units] for gate in range(4))
        i, f, g = sigmoid(xp, i + peephole[0] * c), sigmoid(xp, f + peephole[1] * c), xp.tanh(g)
        new_c = f * c + i * g
        o = sigmoid(xp, o + peephole[2] * new_c)
        shown, back_shown = new_c, lambda grad: (grad, 0, 0)
        if "state_gain" in operands:
            shown, back_shown = _normal(xp, new_c, operands["state_gain"], operands["state_shift"])
        squashed = xp.tanh(shown)
        new_h, back_new_h = o * squashed, lambda grad: grad
        if "projection" in operands:
            new_h, back_new_h = cell.product("projection", new_h)
        after_h, back_after_h = cell.mixed("update_h", t, h, new_h)
        after_c, back_after_c = cell.mixed("update_c", t, c, new_c)

        def back(dh, dc):
            held_h, dnew_h = back_after_h(dh)
            held_c, dnew_c = back_after_c(dc)
            dnew_h = back_new_h(dnew_h)
            do = dnew_h * squashed * o * (1 - o)
            dshown, of_gain, of_shift = back_shown(dnew_h * o * (1 - squashed**2))
            dnew_c = dnew_c + dshown + do * peephole[2]
            di, df, dg = dnew_c * g * i * (1 - i), dnew_c * c * f * (1 - f), dnew_c * i * (1 - g**2)
            dz = xp.concatenate((di, df, dg, do), axis=1)
            cell.grads["grad_bias"] += dz.sum(axis=0)
            if "peephole" in operands:
                cell.grads["grad_peephole"] += xp.stack([(di * c), (df * c), (do * new_c)]).sum(axis=1)
            if "state_gain" in operands:
                cell.grads["grad_state_gain"] += of_gain
                cell.grads["grad_state_shift"] += of_shift
            cell.grads["grad_x"][:, t] = back_x(dz)
            return [held_h + back_h(dz), held_c + dnew_c * f + di * peephole[0] + df * peephole[1]]

        return (after_h, after_c), back

    batch = operands["x"].shape[0]
    size = operands["recurrent_weight"].shape[0]
    return over_time(cell, step, (xp.zeros((batch, size)), xp.zeros((batch, units))))


def gru(operands, xp):
    """As `lstm`, of `ops.gru` and `ops.gru_variant`; a bias of one row: the reset gate before the product."""
    cell, units = _Cell(xp, operands), operands["weight"].shape[1] // 3
    factors, after = operands.get("recurrent_scale"), operands["bias"].ndim == 2
    two, last = slice(2 * units), slice(2 * units, None)
    bias = operands["bias"] if after else xp.stack([operands["bias"], xp.zeros_like(operands["bias"])])

    def step(t, h):
        of_x, back_x = cell.sums("weight", "input_gain", operands["x"][:, t])
        of_h, back_h = cell.sums("recurrent_weight", "recurrent_gain", h, factors)
        of_x, of_h = of_x + bias[0], of_h + bias[1]
        gates = sigmoid(xp, of_x[:, two] + of_h[:, two])
        z, r = gates[:, :units], gates[:, units:]
        if after:
            inner = of_h[:, last]
            g = xp.tanh(of_x[:, last] + r * inner)
        else:
            of_reset = h if factors is None else h * factors[:, 2]
            g = xp.tanh(of_x[:, last] + (r * of_reset) @ operands["recurrent_weight"][:, last])
        new_h, back_new_h = cell.mixed("update_h", t, h, z * h + (1 - z) * g)

        def back(dh):
            held, dnew = back_new_h(dh)
            dz, dg = dnew * (h - g) * z * (1 - z), dnew * (1 - z) * (1 - g**2)
            direct = held + dnew * z
            if after:
                dr, of_candidate = dg * inner * r * (1 - r), dg * r
            else:
                of_candidate = xp.zeros_like(dg)  # its product is one of its own
                dreset = dg @ operands["recurrent_weight"][:, last].T
                cell.grads["grad_recurrent_weight"][:, last] += (r * of_reset).T @ dg
                dr = dreset * of_reset * r * (1 - r)
                direct = direct + dreset * r * (1 if factors is None else factors[:, 2])
            of_input = xp.concatenate((dz, dr, dg), axis=1)
            of_state = xp.concatenate((dz, dr, of_candidate), axis=1)
            sums = of_input.sum(axis=0), of_state.sum(axis=0)
            cell.grads["grad_bias"] += xp.stack(sums) if after else sums[0]
            cell.grads["grad_x"][:, t] = back_x(of_input)
            return [direct + back_h(of_state)]

        return (new_h,), back

    return over_time(cell, step, (xp.zeros((operands["x"].shape[0], units)),))
