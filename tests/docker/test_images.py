"""The images: how large they are, whom they run as, and what is not in them."""

import pytest

from tests.docker.conftest import ROLES
from tests.docker.engine import BASE, Engine

pytestmark = pytest.mark.timeout(600)

# MB above the base image.
MOST = {"edge": 120}


def test_their_sizes(engine: Engine) -> None:
    base = engine.image_mb(BASE)
    above = {role: engine.image_mb(f"manyi-{role}") - base for role in ROLES}
    print(f"\n{BASE}: {base:.0f} MB; above it:", ", ".join(f"{role} {size:.0f} MB" for role, size in above.items()))
    assert all(0 < above[role] <= most for role, most in MOST.items())


@pytest.mark.parametrize("role", ROLES)
def test_nobody_is_root_and_nothing_compiles_or_installs(engine: Engine, role: str) -> None:
    look = (
        "id -u; command -v gcc cc c++; ls /opt/manyi/bin | grep ^pip; touch /opt/manyi/x 2>/dev/null && echo writable"
    )
    said = engine.docker(
        "run", "--rm", "--network", "none", "--entrypoint", "/bin/sh", f"manyi-{role}", "-c", f"{look}; true"
    )
    assert said.split() == ["10001"]
