"""The coder of residuals in plain Python, value by value: the twin that the compiled one is held to. Slow.

docs/format.md, "Residual", in code; nothing here knows of arrays that hold a whole diagonal.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from hcfss_jax.coding import reference
from hcfss_jax.coding.residual_tables import residual_tables
from hcfss_jax.errors import CorruptSection

Steps = Callable[[int, Sequence["Guess"]], list[int]]
"""From a channel and what is expected on a diagonal to how many steps each value lies from it."""

UNIT, HEAVIEST = 12, 1 << 14


class Guess(NamedTuple):
    """What is expected at a place, in eighths; spread in 1/128."""

    x: int
    y: int
    value: int
    spread: int

    @property
    def middle(self) -> int:
        """The nearest integer."""
        return self.value + 4 >> 3

    def row(self, gain: int, step: int) -> tuple[int, int]:
        """The table, and the low bits that are coded apart."""
        scaled = max((self.spread * gain >> 4) // step, 8)
        shift = max(scaled.bit_length() - 13, 0)
        scaled >>= shift
        doubling = scaled.bit_length() - 1
        level = 8 * (doubling - 3) + (scaled >> doubling - 3 & 7)
        offset = self.value - 8 * self.middle
        phase = -2 if shift else (offset + step) // (2 * step)
        return 5 * level + phase + 2, shift


def encode(
    truth: np.ndarray, base: np.ndarray | None, max_error: int, depth: int, gains: bytes
) -> bytes:
    """As `residual.encode_residual`, with gains that are given."""
    step = 2 * max_error + 1
    parts: list[reference.Part] = []
    planes = _planes(truth)

    def steps(channel: int, guesses: Sequence[Guess]) -> list[int]:
        found = []
        for guess in guesses:
            gap = int(planes[channel][rows.start + guess.y, guess.x]) - guess.middle
            found.append((abs(gap) + max_error) // step * (1 if gap > 0 else -1))
        rows_ = [guess.row(gains[channel], step) for guess in guesses]
        symbols = [k >> shift for k, (_, shift) in zip(found, rows_, strict=True)]
        tables = [table for table, _ in rows_]
        if any(shift for _, shift in rows_):
            symbols += [k & (1 << shift) - 1 for k, (_, shift) in zip(found, rows_, strict=True)]
            tables += [400 + shift for _, shift in rows_]
        parts.append((np.array(symbols, np.int32), np.array(tables, np.int32), residual_tables()))
        return found

    learned = [_Learned() for _ in planes]
    for rows in _bands(truth.shape[0]):
        _Band(truth.shape, rows, base, step, depth, learned).walk(steps)
    return gains + reference.encode(parts)


def decode(
    data: bytes, shape: tuple[int, int, int], base: np.ndarray | None, max_error: int, depth: int
) -> np.ndarray:
    """As `residual.decode_residual`, of a stream that is sound; int64 `[H, W, C]`."""
    step, tables = 2 * max_error + 1, residual_tables()
    decoder = reference.Decoder(data[shape[2] :])

    def steps(channel: int, guesses: Sequence[Guess]) -> list[int]:
        rows_ = [guess.row(data[channel], step) for guess in guesses]
        high = decoder.decode(np.array([table for table, _ in rows_], np.int32), tables)
        low = np.zeros(len(rows_), np.int32)
        if any(shift for _, shift in rows_):
            low = decoder.decode(np.array([400 + shift for _, shift in rows_], np.int32), tables)
        return [
            (int(h) << shift) + int(bits)
            for h, bits, (_, shift) in zip(high, low, rows_, strict=True)
        ]

    learned = [_Learned() for _ in range(shape[2])]
    bands = [
        _Band(shape, rows, base, step, depth, learned).walk(steps) for rows in _bands(shape[0])
    ]
    if not decoder.finish():
        raise CorruptSection("the residual does not end where its values do")
    return _picture(np.concatenate(bands))


class _Learned:
    """Of a channel, over all bands."""

    def __init__(self) -> None:
        half = range(48)
        spread = [min(max(((2 + h % 2) << h // 2) * 8 // 12, 16), 1 << 19) for h in half]
        self.sums = [4 * s for s in spread for _ in range(16)]
        self.counts = [4] * (48 * 16)
        self.drifts, self.met = [0] * 648, [8] * 648

    def count(self, at: int, error: int, drift: int, signed: int) -> None:
        self.sums[at] += error
        self.counts[at] += 1
        self.drifts[drift] += signed
        self.met[drift] += 1

    def forget(self) -> None:
        for sums, counts, most in ((self.sums, self.counts, 512), (self.drifts, self.met, 256)):
            for i, count in enumerate(counts):
                if count > most:
                    sums[i], counts[i] = sums[i] >> 1, count >> 1


class _Plane:
    """Something of each place; beyond the left edge that above to the right, beyond the right one the last."""

    def __init__(self, width: int, outside: object) -> None:
        self.width, self.outside = width, outside
        self.found: dict[tuple[int, int], object] = {}

    def at(self, x: int, y: int) -> Any:
        if y < 0:
            return self.outside
        if x < 0:
            return self.at(x + 1, y - 1)
        return self.found[min(x, self.width - 1), y]

    def around(self, x: int, y: int) -> list:
        """W, WW, N, NW, NE, NN, NNE, NWW."""
        places = ((-1, 0), (-2, 0), (0, -1), (-1, -1), (1, -1), (0, -2), (1, -2), (-2, -1))
        return [self.at(x + i, y + j) for i, j in places]


class _Band:
    """A band of rows, and what is known of it."""

    def __init__(
        self,
        shape: tuple[int, ...],
        rows: slice,
        base: np.ndarray | None,
        step: int,
        depth: int,
        learned: list[_Learned],
    ) -> None:
        self.height, self.width, self.channels = rows.stop - rows.start, shape[1], shape[2]
        self.step, self.learned = step, learned
        self.highest, self.coarse = (1 << depth) - 1, max(0, depth - 12)
        self.base = None if base is None else [plane[rows] for plane in _planes(base)]
        plain = 5 + 3 * (base is not None)
        of_each = range(self.channels)
        self.values = [_Plane(self.width, 1 << depth - 1) for _ in of_each]
        self.errors = [_Plane(self.width, 16) for _ in of_each]
        self.misses = [_Plane(self.width, [16] * plain) for _ in of_each]
        self.squares = [_Plane(self.width, self._untaught(c)) for c in of_each]

    def _untaught(self, channel: int) -> tuple:
        """Products, moments and weights before anything was learned."""
        weights = [0] * (7 + 6 * min(channel, 2) + 6 * (self.base is not None))
        if self.base is None:
            weights[:3] = [1024, -1024, 1024]
        else:
            weights[-6] = 2048
        if channel:
            weights[7 + 6 * (min(channel, 2) - 1)] = 3072 if self.base is None else 1536
        return [[0] * len(weights) for _ in weights], [0] * len(weights), weights

    def walk(self, steps: Steps) -> np.ndarray:
        """All values, int64 `[rows, columns, C]`, channels in the order of coding."""
        for t in range(self.width + 2 * (self.height - 1)):
            for c in range(self.channels):
                places = [(t - 2 * y, y) for y in range(self.height) if 0 <= t - 2 * y < self.width]
                made = [self._expect(c, *place) for place in places]
                found = steps(c, [guess for guess, _ in made])
                for (guess, made_of), k in zip(made, found, strict=True):
                    value = min(max(guess.middle + k * self.step, 0), self.highest)
                    self._learn(c, guess, made_of, value)
                self.learned[c].forget()
        grid = [
            [[v.at(x, y) for v in self.values] for x in range(self.width)]
            for y in range(self.height)
        ]
        return np.array(grid)

    def _features(self, c: int, x: int, y: int) -> tuple[int, list[int], list[int]]:
        """The pivot, the features and the plain predictions."""
        w, ww, n, nw, ne, nn, nne, nww = self.values[c].around(x, y)
        pivot = w + n + 1 >> 1
        features = [v - pivot for v in (w, nw, ne, ww, nn, nne, nww)]
        plain = [w + n - nw, w, n, w + ne - n]
        for other in range(max(0, c - 2), c):
            v = self.values[other].at(x, y)
            w_, ww_, n_, nw_, ne_, nn_, _, _ = self.values[other].around(x, y)
            pivot_ = w_ + n_ + 1 >> 1
            features += [u - pivot_ for u in (v, w_, nw_, ne_, ww_, nn_)]
            plain = [w + n - nw + v - w_ - n_ + nw_, w + v - w_, n + v - n_, pivot + v - pivot_]
        if self.base is not None:
            b, b_w, b_n, b_nw, b_ne, b_e, b_s = self._base_around(c, x, y)
            pivot_ = b_w + b_n + 1 >> 1
            features += [u - pivot_ for u in (b, b_w, b_nw, b_ne, b_e, b_s)]
            plain += [pivot + b - pivot_, w + b - b_w, n + b - b_n]
        return pivot, features, plain

    def _base_around(self, c: int, x: int, y: int) -> list[int]:
        places = ((0, 0), (-1, 0), (0, -1), (-1, -1), (1, -1), (1, 0), (0, 1))
        assert self.base is not None
        base = self.base[c]
        return [
            int(base[min(max(y + j, 0), self.height - 1), min(max(x + i, 0), self.width - 1)])
            for i, j in places
        ]

    def _expect(self, c: int, x: int, y: int) -> tuple[Guess, tuple]:
        pivot, features, plain = self._features(c, x, y)
        size = sum(map(abs, features))
        left = 16 - size.bit_length()
        weights = self.squares[c].at(x - 1, y)[2]
        total = sum(w * _shifted(f, left) for w, f in zip(weights, features, strict=True))
        linear = 8 * pivot + (total + (1 << 8 + left) >> 9 + left)
        every = [min(max(p, 0), 8 * self.highest) for p in (linear, *(8 * p for p in plain))]
        share = self._shares(c, x, y)
        moved = sum(s * (p - every[0]) for s, p in zip(share, every, strict=True))
        blend = every[0] + _divided(moved, sum(share))
        apart = sum(s * abs(p - blend) for s, p in zip(share, every, strict=True)) // sum(share)
        w, ww, n, nw, ne, nn, _, _ = self.errors[c].around(x, y)
        energy = 3 * (w + n) + 2 * (ne + nw) + ww + nn + 1
        doubling = energy.bit_length() - 1
        half = energy >> doubling - 1 & 1 if doubling else 0
        context = 16 * (2 * doubling + half) + min((apart + 1).bit_length() - 1, 15)
        drift = (2 * doubling + half) // 6
        for p in every[1:5]:
            above = p - blend >> 2
            drift = 3 * drift + (above > 0) - (above < 0) + 1
        learned = self.learned[c]
        value = blend + _divided(learned.drifts[drift], learned.met[drift])
        value = min(max(value, 0), 8 * self.highest)
        spread = learned.sums[context] // learned.counts[context] << self.coarse
        return Guess(x, y, value, spread), (pivot, features, every, blend, context, drift)

    def _shares(self, c: int, x: int, y: int) -> list[int]:
        w, ww, n, nw, ne, _, _, _ = self.misses[c].around(x, y)
        missed = [sum(m[:4]) + (m[4] >> 1) + 9 for m in zip(w, n, ne, nw, ww, strict=True)]
        left = 8 - min(missed).bit_length()
        return [(1 << 22) // min(_shifted(m, left), 1 << 12) ** 2 for m in missed]

    def _mixed(self, c: int, x: int, y: int) -> tuple:
        """Products, moments and weights as they stand before a place."""
        before = self.squares[c].at(x - 1, y)
        if y == 0:
            return before
        over = self.squares[c].at(x + 1, y - 1)
        products = [
            [a + b >> 1 for a, b in zip(*rows, strict=True)]
            for rows in zip(before[0], over[0], strict=True)
        ]
        vectors = ([a + b >> 1 for a, b in zip(before[i], over[i], strict=True)] for i in (1, 2))
        return products, *vectors

    def _learn(self, c: int, guess: Guess, made_of: tuple, value: int) -> None:
        pivot, features, every, blend, context, drift = made_of
        x, y, place = guess.x, guess.y, (guess.x, guess.y)
        products, moments, weights = self._mixed(c, x, y)
        error = abs(8 * value - guess.value)
        self.values[c].found[place] = value
        self.errors[c].found[place] = error
        self.misses[c].found[place] = [abs(8 * value - p) for p in every]
        self.learned[c].count(context, 16 * error >> self.coarse, drift, 8 * value - blend)
        left = min(5, 9 - sum(map(abs, features)).bit_length())
        scaled = [_shifted(f, left) for f in features]
        target = min(max(_shifted(value - pivot, left), -1023), 1023)
        products = [
            [p - (p >> 4) + a * b for p, b in zip(row, scaled, strict=True)]
            for row, a in zip(products, scaled, strict=True)
        ]
        moments = [m - (m >> 4) + a * target for m, a in zip(moments, scaled, strict=True)]
        weights = list(weights)
        for i, row in enumerate(products):
            gap = 64 * moments[i] - sum((p >> 6) * w for p, w in zip(row, weights, strict=True))
            moved = weights[i] + _divided(gap, (row[i] >> 6) + 41)
            weights[i] = min(max(moved, -HEAVIEST), HEAVIEST)
        self.squares[c].found[x, y] = products, moments, weights


def _shifted(n: int, left: int) -> int:
    return n << left if left >= 0 else n >> -left


def _divided(n: int, by: int) -> int:
    """Rounded towards 0."""
    return n // by if n >= 0 else -(-n // by)


def _bands(height: int) -> Iterator[slice]:
    count = -(-height // 256)
    return (slice(height * i // count, height * (i + 1) // count) for i in range(count))


def _planes(picture: np.ndarray) -> list[np.ndarray]:
    """The channels in the order of coding."""
    order = [1, 0, 2, 3][: picture.shape[2]] if picture.shape[2] > 2 else range(picture.shape[2])
    return [picture[..., i] for i in order]


def _picture(coded: np.ndarray) -> np.ndarray:
    return np.stack(_planes(coded), -1)
