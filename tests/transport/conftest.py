"""Profiles of hypothesis: CI's is the default; `--hypothesis-profile=millions` is for a night."""

from hypothesis import settings

settings.register_profile("millions", max_examples=20_000)
