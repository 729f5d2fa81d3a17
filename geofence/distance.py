"""Distances on WGS-84. The one module that asks geopy; everything else goes through these two functions."""

from geopy.distance import geodesic

from geofence.earth import chord, chord_bounds


def metres(a_lat: float, a_lon: float, b_lat: float, b_lon: float) -> float:
    """The geodesic distance in metres, exactly as `geopy.distance.geodesic` gives it (about 50 µs)."""
    return float(geodesic((a_lat, a_lon), (b_lat, b_lon)).m)


def within(a_lat: float, a_lon: float, b_lat: float, b_lon: float, radius_m: float) -> bool:
    """Whether `metres(...) <= radius_m`, the same answer for every pair, but about thirty times as fast."""
    straight = chord(a_lat, a_lon, b_lat, b_lon)
    sure, reach = chord_bounds(radius_m)
    if straight <= sure:
        return True
    return straight <= reach and metres(a_lat, a_lon, b_lat, b_lon) <= radius_m
