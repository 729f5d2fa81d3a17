"""What a brand sells: the catalogue that tastes and traits rest on."""

from domain.values import Value


class Item(Value):
    """One thing on offer. `tags` say what it is made of or for (`meat`, `vegan`, `decaf` …); `price` is of one."""

    id: str
    brand_id: str
    sku: str
    name: str
    category: str
    tags: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    price: float | None = None
    revision: int = 1
