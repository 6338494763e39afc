"""Profiles of hypothesis: CI's is the default; `--hypothesis-profile=millions` is for a night."""

from hypothesis import Phase, settings

settings.register_profile("millions", max_examples=20_000)
# For mutation testing: the same examples each time and few, since every mutant pays; that one fails is enough.
settings.register_profile(
    "mutants",
    max_examples=30,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
)
