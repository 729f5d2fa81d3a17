"""Free places at a store at a time: what a salon, a barber or a workshop has to give away today."""

from datetime import datetime

from domain.people import Mode
from domain.values import Value


class Slot(Value):
    """Room for `capacity` people. `filled` of the places are reserved; `promised` are kept for people who were asked."""

    id: str
    brand_id: str
    mode: Mode
    external_id: str
    store_id: str
    service: str
    starts_at: datetime
    ends_at: datetime
    capacity: int
    price: float | None = None
    filled: int = 0
    promised: int = 0

    @property
    def free(self) -> int:
        """Places that may still be promised; never more than there are, whatever was promised before."""
        return max(0, self.capacity - self.filled - self.promised)


class Vacancy(Value):
    """A slot as a decision sees it: for which service, and how many places could still be promised."""

    service: str
    free: int


class Wanted(Value):
    """A slot as a brand tells of it; `store` is an external id."""

    id: str
    store: str
    service: str
    starts_at: datetime
    ends_at: datetime
    capacity: int
    price: float | None = None
