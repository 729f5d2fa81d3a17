"""What a person's consistent choices say of them: the closed list of what may be inferred, and the evidence so far.

Nothing else is ever inferred. The rules are code and no setting: a brand that tags its items `halal` or `diabetic` tells
its guests about its food; what that would tell about a guest is nobody's business.
"""

from enum import StrEnum

from domain.values import Value


class Habit(StrEnum):
    """How somebody must choose, again and again, for the trait to show."""

    NEVER = "never"
    ALWAYS = "always"


class Rule(Value):
    """`trait` shows in somebody who `habit` chooses items with one of `tags`, where others at the brand often do not."""

    trait: str
    habit: Habit
    tags: frozenset[str]


RULES = tuple(
    Rule(trait=trait, habit=habit, tags=frozenset(tags.split()))
    for trait, habit, tags in (
        ("vegetarian", Habit.NEVER, "meat beef pork poultry chicken lamb ham bacon fish seafood"),
        ("vegan", Habit.ALWAYS, "vegan"),
        ("no_alcohol", Habit.NEVER, "alcohol alcoholic"),
        ("decaf", Habit.ALWAYS, "decaf"),
        ("gluten_free", Habit.ALWAYS, "gluten_free"),
        ("lactose_free", Habit.ALWAYS, "lactose_free"),
    )
)
TRAITS = frozenset(rule.trait for rule in RULES)


def plain(word: str) -> str:
    """A tag or trait as the rules spell it: `Gluten-free` and `gluten free` are `gluten_free`."""
    return "_".join(word.casefold().replace("-", " ").replace("_", " ").split())


def denial(trait: str) -> str:
    """The word by which a person, or the brand for them, says that they do not have a trait: `not_vegetarian`."""
    return f"not_{trait}"


class Leaning(Value, array_like=True):
    """The evidence for one trait as of `day` (days since 1970): `nats` in hundredths, which fade.

    `orders` on `days` different days were consistent since the last one that was not; `against` counts those.
    """

    trait: str
    nats: int = 0
    orders: int = 0
    days: int = 0
    day: int = 0
    against: int = 0
