"""Sums of runs of rows in NumPy: of rows chosen by sorted ids, the sum of those of each id.

Long runs are cut into packs of rows. The packs of a part are ordered by their length: then their second rows are added
to the first rows of as many packs from the front, and so on, each step one gather and one addition over all of them.
Sums of several packs of a run are the rows of the next round. The order of additions depends on the runs alone.
"""

import numpy as np

from .. import scratch, threads

_PACK = 32  # rows
BLOCK_BYTES = 1 << 21  # of the rows of a part


def add_runs(starts, count, read, dtype, target, places=None):
    """Writes the sum of each run of rows to a row of the target.

    Args:
        starts: where runs begin, ascending from 0; none is empty.
        count: rows of all runs.
        read: `read(at, out)` writes the rows of those numbers into `out`, (rows, columns) of the dtype.
        dtype: in which sums are formed.
        target: (rows, columns), C-contiguous.
        places: the row of the target for each run; None: the number of the run.
    """
    if target.size == 0 or not len(starts):
        return
    if places is None:
        places = np.arange(len(starts))
    lengths = np.diff(starts, append=count)
    while lengths.max() > _PACK:
        packs = -(-lengths // _PACK)
        run = np.repeat(np.arange(len(packs)), packs)
        rank = np.arange(len(run)) - (np.cumsum(packs) - packs)[run]
        last = packs[run] == 1
        several = np.flatnonzero(packs > 1)
        sums = np.empty((len(run) - np.count_nonzero(last), target.shape[1]), dtype)
        to_sums = np.where(last, -1, np.cumsum(~last) - 1)
        to_target = np.where(last, places[run], -1)
        pack_lengths = np.minimum(lengths[run] - rank * _PACK, _PACK)
        _add_packs(
            starts[run] + rank * _PACK, pack_lengths, read, dtype, [(target, to_target), (sums, to_sums)]
        )
        lengths, places, read = packs[several], places[several], _reader(sums)
        starts = np.cumsum(lengths) - lengths
    _add_packs(starts, lengths, read, dtype, [(target, places)])


def _reader(rows):
    return lambda at, out: rows.take(at, axis=0, out=out, mode="clip")


def _add_packs(starts, lengths, read, dtype, destinations):
    """Adds the rows of each pack, and puts the sum at its place in those destinations where that is not -1."""
    columns = destinations[0][0].shape[1]

    def compute(part):
        order, numbers, counts = planes(starts[part], lengths[part])
        with scratch.frame():
            rows = scratch.empty((len(numbers), columns), dtype)
            read(numbers, rows)
            sums, begin = rows[: counts[0]], counts[0]
            for count in counts[1:]:
                np.add(sums[:count], rows[begin : begin + count], out=sums[:count])
                begin += count
            for target, places in destinations:
                to = places[part][order]
                if len(destinations) == 1:
                    put_rows(target, to, sums)
                else:
                    chosen = np.flatnonzero(to >= 0)
                    put_rows(target, to[chosen], sums.take(chosen, axis=0))

    threads.run(compute, parts_of(lengths, columns * dtype.itemsize))


def parts_of(lengths, row_bytes):
    """Slices of runs whose rows fill a block together."""
    ends, rows = np.cumsum(lengths), max(1, BLOCK_BYTES // row_bytes)
    bounds = np.searchsorted(ends, np.arange(rows, ends[-1] + rows, rows), side="right").tolist()
    pairs = zip([0, *bounds], [*bounds, len(lengths)])
    return [slice(first, stop) for first, stop in pairs if first < stop]


def planes(starts, lengths):
    """Orders rows: the first of each run, then the second of those that have one, and so on; the longest run first.

    Returns:
        (order of the runs, numbers of the rows, how many runs have a first row, a second, ...).
    """
    most = int(lengths.max())
    order = np.argsort((most - lengths).astype(np.min_scalar_type(most)), kind="stable")
    counts = len(lengths) - np.cumsum(np.bincount(lengths, minlength=most)[:most])
    stops = np.cumsum(counts)
    ranks = np.arange(stops[-1]) - np.repeat(stops - counts, counts)
    numbers = starts[order].take(ranks)
    numbers += np.repeat(np.arange(most), counts)
    return order, numbers, counts.tolist()


def put_rows(target, places, rows):
    """target[places] = rows, whole rows at a time: NumPy is slow on short runs."""
    rows = rows.astype(target.dtype, copy=False)
    row = np.dtype((np.void, target.shape[1] * target.itemsize))
    target.view(row)[:, 0].put(places, rows.view(row)[:, 0])
