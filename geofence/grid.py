"""One level of the index: fences in the cells of a grid, packed into a few flat buffers.

Rows are equally high; each band of eight rows has as many columns as keep its cells about square, so the grid needs no
special case at the poles, and columns wrap at ±180°. A fence is entered in every cell its span touches, so one look-up
finds all candidates. Cells come in blocks of 8 × 8: a block knows its occupied cells by a 64-bit mask, and a directory
per band finds the block. An entry holds the fence's centre in metres from its block's origin (single precision; what
that loses widens the undecided band, to about a millimetre) and the squares of the chords `sure` and `reach`.

The same buffers serve both ways of reading: `struct` for one position, numpy for many.
"""

from collections.abc import Callable, Iterable
from functools import cache
from math import cos, sin, sqrt
from struct import Struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from geofence.earth import ECCENTRICITY_SQUARED, MAJOR_M, Floats, Span, cartesian_many

FINEST_PER_DEGREE = 100.0  # cells of 0.01°, about 1.1 km
STEP = 4.0  # each coarser level has cells four times as wide
LEVELS = 8
SINGLE_PRECISION = (
    1.1e-7  # above √3 · 2⁻²⁴: how far rounding moves a point, relative to its largest coordinate
)

Ints = NDArray[np.int64]

ENTRY = np.dtype([("at", "<f4", 3), ("sure", "<f4"), ("reach", "<f4"), ("fence", "<u4")])
BLOCK = np.dtype([("origin", "<f8", 3), ("mask", "<u8"), ("cell", "<u8")])
entries_in = Struct("<5fI").iter_unpack
block_at = Struct("<3dQQ").unpack_from
ONE = np.uint64(1)
BELOW = tuple((1 << bit) - 1 for bit in range(64))
RADIAN = 0.017453292519943295
POLAR = 1 - ECCENTRICITY_SQUARED


class Lattice(NamedTuple):
    """The cells of one level: rows per degree, and for each band of eight rows its columns, in all and per degree."""

    rows_per_degree: float
    columns: Ints
    columns_per_degree: Floats


@cache
def lattice(level: int) -> Lattice:
    """The cells of a level; level 0 is the finest."""
    scale = FINEST_PER_DEGREE / STEP**level
    edges = np.arange(int(180 * scale / 8) + 2) * 8 / scale - 90
    straddles = (edges[:-1] < 0) & (edges[1:] > 0)
    widest = np.where(straddles, 0.0, np.minimum(np.abs(edges[:-1]), np.abs(edges[1:])))
    columns = np.floor(360 * scale * np.cos(np.radians(np.minimum(widest, 90.0))))
    columns = np.maximum(columns, 1).astype(np.int64)
    # A hair less than all, so that longitude 180 still falls into the last column.
    return Lattice(scale, columns, columns / 360 * (1 - 1e-12))


def level_for(reaches: Floats) -> Ints:
    """The level whose cells are as wide as each fence's reach, so that a fence touches few of them."""
    widths = 111_200 / FINEST_PER_DEGREE * STEP ** np.arange(LEVELS - 1)
    return np.searchsorted(widths, reaches).astype(np.int64)


class Members(NamedTuple):
    """Fences as columns: number in the index, span in degrees, centre in Cartesian metres, the two chords."""

    fence: Ints
    south: Floats
    north: Floats
    west: Floats
    east: Floats
    centre: Floats
    sure: Floats
    reach: Floats


class Probe(NamedTuple):
    """What the reading of one position needs of a grid, in the form that plain Python reads fastest."""

    rows_per_degree: float
    bands: list["Band"]
    directory: memoryview  # block number + 1, or 0
    blocks: memoryview
    starts: memoryview  # first entry of each cell
    entries: memoryview


# First block column, the one past the last, offset into the directory, columns per degree.
Band = tuple[int, int, int, float]
UNUSED: Band = (0, 0, 0, 0.0)


class Bands(NamedTuple):
    """Per band: the first block column with fences, the one past the last, and the offset into the directory."""

    first: Ints
    past: Ints
    offset: Ints


class Grid:
    """The fences of one level. Immutable."""

    def __init__(self, level: int, members: Members) -> None:
        self._lattice = lattice(level)
        code, who = _cover(self._lattice, members)
        cells, starts = _firsts(code)
        blocks, first_cell = _firsts(cells >> 6)
        first_entry = starts[first_cell]
        origins = members.centre[who[first_entry]]
        entries_per_block = np.diff(np.append(first_entry, len(code)))
        self._starts = np.append(starts, len(code)).astype(np.uint32)
        self._blocks = _block_table(cells, first_cell, origins)
        self._entries = _entry_table(members, who, origins, entries_per_block)
        self._bands, self._directory = _directory(blocks, len(self._lattice.columns))
        self.probe = self._probe()

    def _probe(self) -> Probe:
        bands = [UNUSED] * len(self._bands.past)
        used = np.flatnonzero(self._bands.past)
        columns = (*self._bands, self._lattice.columns_per_degree)
        listed = zip(*(column[used].tolist() for column in columns), strict=True)
        for band, numbers in zip(used.tolist(), listed, strict=True):
            bands[band] = numbers
        return Probe(
            self._lattice.rows_per_degree,
            bands,
            self._directory.data,
            self._blocks.view(np.uint8).data,
            self._starts.data,
            self._entries.view(np.uint8).data,
        )

    def search_many(self, lats: Floats, lons: Floats) -> tuple[Ints, Ints, NDArray[np.bool_]]:
        """(rows, fences, sure): each pair within reach, by ascending row; not `sure` are those left to measure."""
        row, block, cell = self._locate(lats, lons)
        start = self._starts[cell].astype(np.int64)
        count = self._starts[cell + 1] - start
        nth, entry = _spread(start, count)
        entries = self._entries.take(entry)
        apart = cartesian_many(lats[row], lons[row])
        apart -= self._blocks["origin"][block]
        apart = apart.take(nth, axis=0)
        apart -= entries["at"]
        chord = np.einsum("ij,ij->i", apart, apart)
        hit = np.flatnonzero(chord <= entries["reach"])
        found = entries.take(hit)
        return row[nth[hit]], found["fence"].astype(np.int64), chord[hit] <= found["sure"]

    def _locate(self, lats: Floats, lons: Floats) -> tuple[Ints, Ints, Ints]:
        """(row, block, cell) of the positions that fall into an occupied cell."""
        cell_row = ((lats + 90.0) * self._lattice.rows_per_degree).astype(np.int32)
        band = cell_row >> 3
        column = ((lons + 180.0) * self._lattice.columns_per_degree[band]).astype(np.int32)
        block_column = column >> 3
        row = np.flatnonzero(
            (block_column >= self._bands.first[band]) & (block_column < self._bands.past[band])
        )
        block = self._directory[self._bands.offset[band[row]] + block_column[row]]
        there = np.flatnonzero(block)
        row, block = row[there], block[there] - 1
        bit = ONE << (((cell_row[row] & 7) << 3) | (column[row] & 7)).astype(np.uint64)
        mask = self._blocks["mask"][block]
        there = np.flatnonzero(mask & bit)
        row, block, mask, bit = row[there], block[there], mask[there], bit[there]
        cell = self._blocks["cell"][block] + np.bitwise_count(mask & (bit - ONE))
        return row, block, cell.astype(np.int64)

    def touching(self, span: Span) -> Ints:
        """The fences entered in a block that `span` touches: all that touch the span, and some around it."""
        scale = self._lattice.rows_per_degree
        south, north = (int((lat + 90.0) * scale) >> 3 for lat in (span.south, span.north))
        found = [
            self._entries["fence"][start:end]
            for band in range(south, north + 1)
            for start, end in self._entry_ranges(band, span)
        ]
        return np.unique(np.concatenate(found)).astype(np.int64) if found else np.empty(0, np.int64)

    def _entry_ranges(self, band: int, span: Span) -> Iterable[tuple[int, int]]:
        """Blocks of a band lie side by side, and so do their entries."""
        for west, east in _unwrapped(span.west, span.east):
            per_degree = self._lattice.columns_per_degree[band]
            first, last = (int((lon + 180.0) * per_degree) >> 3 for lon in (west, east))
            first, past = (
                max(first, int(self._bands.first[band])),
                min(last + 1, int(self._bands.past[band])),
            )
            row = self._directory[
                self._bands.offset[band] + first : self._bands.offset[band] + max(first, past)
            ]
            blocks = row[row > 0]
            if len(blocks):
                cells = self._blocks["cell"]
                end = cells[blocks[-1]] if blocks[-1] < len(cells) else len(self._starts) - 1
                yield int(self._starts[int(cells[blocks[0] - 1])]), int(self._starts[int(end)])


def _unwrapped(west: float, east: float) -> list[tuple[float, float]]:
    """The span of longitudes as one or two spans within ±180."""
    if east - west >= 360:
        return [(-180.0, 180.0)]
    if west < -180:
        return [(west + 360, 180.0), (-180.0, east)]
    if east > 180:
        return [(west, 180.0), (-180.0, east - 360)]
    return [(west, east)]


def _spread(start: Ints, count: Ints) -> tuple[Ints, Ints]:
    """For each n, the numbers start[n] … start[n] + count[n] − 1; answers (n, number) side by side."""
    ends = np.cumsum(count)
    total = int(ends[-1]) if len(ends) else 0
    nth = np.repeat(np.arange(len(count)), count)
    return nth, np.arange(total) + np.repeat(start - (ends - count), count)


def _firsts(ordered: Ints) -> tuple[Ints, Ints]:
    """The distinct values of an ordered array, and where each begins."""
    begins = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))
    return ordered[begins], begins


def _cover(cells: Lattice, members: Members) -> tuple[Ints, Ints]:
    """(cell code, member) for each cell that a member's span touches, in order of code."""
    first = ((members.south + 90.0) * cells.rows_per_degree).astype(np.int64)
    last = ((members.north + 90.0) * cells.rows_per_degree).astype(np.int64)
    who, row = _spread(first, last - first + 1)
    per_degree, columns = cells.columns_per_degree[row >> 3], cells.columns[row >> 3]
    first = np.floor((members.west[who] + 180.0) * per_degree).astype(np.int64)
    last = np.floor((members.east[who] + 180.0) * per_degree).astype(np.int64)
    nth, column = _spread(first, np.minimum(last - first + 1, columns))
    row = row[nth]
    column %= columns[nth]
    block = ((row >> 3) << 16) | (column >> 3)
    code = (block << 6) | ((row & 7) << 3) | (column & 7)
    order = np.argsort(code, kind="stable")
    return code[order], who[nth[order]]


def _block_table(cells: Ints, first_cell: Ints, origins: Floats) -> NDArray[Any]:
    table = np.empty(len(first_cell), BLOCK)
    table["origin"] = origins
    table["mask"] = np.bitwise_or.reduceat(ONE << (cells & 63).astype(np.uint64), first_cell)
    table["cell"] = first_cell
    return table


def _entry_table(
    members: Members, who: Ints, origins: Floats, entries_per_block: Ints
) -> NDArray[Any]:
    table = np.empty(len(who), ENTRY)
    at = members.centre.take(who, axis=0)
    at -= np.repeat(origins, entries_per_block, axis=0)
    table["at"] = at
    lost = np.maximum(np.maximum(*np.abs(at[:, :2]).T), np.abs(at[:, 2])) * SINGLE_PRECISION
    table["sure"] = _rounded(members.sure[who] - lost, -np.inf)
    table["reach"] = _rounded(members.reach[who] + lost, np.inf)
    table["fence"] = members.fence[who]
    return table


def _rounded(chord: Floats, towards: float) -> NDArray[np.float32]:
    """The square in single precision, rounded one way; −1 for a chord below 0, which no square reaches."""
    squared = np.where(chord < 0, -1.0, chord * chord).astype(np.float32)
    return np.nextafter(squared, np.float32(towards))


def _directory(blocks: Ints, bands: int) -> tuple[Bands, NDArray[np.int32]]:
    """Where each band's part of the list lies, and the list of block numbers + 1, with 0 for blocks without fences."""
    band, column = blocks >> 16, blocks & 0xFFFF
    used, begins = _firsts(band)
    ends = np.append(begins[1:], len(band)) - 1
    first, past, offset = np.zeros((3, bands), np.int64)
    first[used], past[used] = column[begins], column[ends] + 1
    width = past - first
    offset[:] = np.cumsum(width) - width - first
    numbers = np.zeros(int(width.sum()), np.int32)
    numbers[offset[band] + column] = np.arange(1, len(blocks) + 1)
    return Bands(first, past, offset), numbers


def search(
    probes: Iterable[Probe], lat: float, lon: float, settle: Callable[[int, float, float], bool]
) -> list[tuple[int, float]]:
    """(fence, squared chord to its centre) of each fence that holds the position; `settle` decides the doubtful.

    The inner loop of the whole engine, so it is written for the interpreter: plain locals, and the arithmetic of
    `earth.cartesian` in place, which is a tenth of the time.
    """
    found: list[tuple[int, float]] = []
    for rows_per_degree, bands, directory, blocks, starts, entries in probes:
        row = int((lat + 90.0) * rows_per_degree)
        first, past, offset, columns_per_degree = bands[row >> 3]
        column = int((lon + 180.0) * columns_per_degree)
        if not first <= column >> 3 < past:
            continue
        number = directory[offset + (column >> 3)]
        if not number:
            continue
        x0, y0, z0, mask, cell = block_at(blocks, number * 40 - 40)
        bit = (row & 7) << 3 | column & 7
        if not mask >> bit & 1:
            continue
        cell += (mask & BELOW[bit]).bit_count()
        phi, lam = lat * RADIAN, lon * RADIAN
        sine = sin(phi)
        normal = MAJOR_M / sqrt(1.0 - ECCENTRICITY_SQUARED * sine * sine)
        across = normal * cos(phi)
        x0 = across * cos(lam) - x0
        y0 = across * sin(lam) - y0
        z0 = normal * POLAR * sine - z0
        nearby = entries[starts[cell] * 24 : starts[cell + 1] * 24]
        for x, y, z, sure, reach, fence in entries_in(nearby):
            x -= x0  # noqa: PLW2901 - a new name per axis costs time here
            y -= y0  # noqa: PLW2901 - the same
            z -= z0  # noqa: PLW2901 - the same
            chord = x * x + y * y + z * z
            if chord <= reach and (chord <= sure or settle(fence, lat, lon)):
                found.append((fence, chord))
    return found
