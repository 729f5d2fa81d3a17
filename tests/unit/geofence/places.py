"""Hypothesis strategies for positions and fences, with a liking for the poles and the antimeridian."""

from hypothesis import strategies as st

from geofence.shapes import Circle

latitudes = st.one_of(
    st.floats(-90, 90),
    st.sampled_from([90.0, -90.0, 89.9999, -89.99, 0.0, 60.17]),
)
longitudes = st.one_of(
    st.floats(-180, 180),
    st.sampled_from([180.0, -180.0, 179.99999, -179.999, 0.0, 24.94]),
)
positions = st.tuples(latitudes, longitudes)
radii = st.one_of(st.floats(10, 1_000), st.floats(1_000, 100_000))
circles = st.builds(Circle, latitudes, longitudes, radii)

# On an edge, or beside it by less than an atom, a bacterium, a hand.
nudges = st.sampled_from([0.0, 1e-9, -1e-9, 1e-7, -1e-7, 1e-6, -1e-6, 1e-3, -1e-3, 0.1, -0.1])
