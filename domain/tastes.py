"""What a person has chosen so far: decayed counts of things by name, as small as they can be stored."""

from domain.values import Value


class Liked(Value, array_like=True):
    """One thing that was chosen. `weight`: decayed orders with it, in thousandths; `times`: how often it truly was.

    A name of more than 24 bytes is stored as its hash (`scheduler.context.tastes.short`).
    """

    name: str
    weight: int
    times: int = 1


class Price(Value, array_like=True):
    """Decayed mean and variance of ln(price of one), in thousandths, and the weight they rest on, in thousandths."""

    mean: int = 0
    variance: int = 0
    weight: int = 0


class Tastes(Value, array_like=True):
    """Each table holds the strongest entries only; weights are relative to the day `as_of` (days since 1970).

    `orders` and `weight` count the orders with items, truly and decayed; `forgotten` the categories that left their
    table, so that one that is absent is known to have never been chosen only where it is 0. `last` is what the newest
    order held.
    """

    as_of: int = 0
    orders: int = 0
    weight: int = 0
    items: tuple[Liked, ...] = ()
    categories: tuple[Liked, ...] = ()
    services: tuple[Liked, ...] = ()
    last: tuple[str, ...] = ()
    forgotten: int = 0
    price: Price = Price()


class Tagged(Value, array_like=True):
    """Everybody's orders in one category: their decayed number, and how many bore the tags of a trait's rule."""

    category: str
    weight: int
    traits: dict[str, int] = {}


class Everybody(Value, array_like=True):
    """What all of a brand's people choose together: one small row per brand, which evidence is measured against."""

    tastes: Tastes = Tastes()
    tagged: tuple[Tagged, ...] = ()

    def share(self, category: str, trait: str, *, least: float) -> float | None:
        """The share of the orders in a category that bear the tags of a trait; None below `least` orders."""
        of = next((each for each in self.tagged if each.category == category), None)
        if of is None or of.weight < 1000 * least:
            return None
        return of.traits.get(trait, 0) / of.weight
