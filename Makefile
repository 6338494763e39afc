# The only entry points; CI calls the same ones.
#   make demo    the city in a box, with nothing but git, make and Python 3.11
#   make test    every test, with its own set-up
#   make test-docker  the images and compose files, on a Docker engine of its own; as root
#   make model   the stateful model for a night
#   make check   lint, format, types, import contracts
#   make coverage  every line and branch of contract/ and transport/
#   make mutants   mutation testing of the modules of transport/ in ARGS="lanes sender"
#   make chaos   the fault simulator, seeds 1 to 20 at five minutes each; ARGS="7 8" for these seeds
#   make bench   the figures of docs/performance.md
#   make site    the documentation as a site, in site/; a link that leads nowhere ends it
#   make release the wheel, the sdist and what they consist of, in dist/; sends nothing anywhere
#   make setup   .venv with everything a developer needs

SHELL := /bin/bash
PIP := .venv/bin/python -m pip --disable-pip-version-check
# Debian keeps mosquitto where an ordinary user does not look.
export PATH := $(PATH):/usr/sbin:/sbin
# Every process of a city would compile our modules anew: half of its start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-docker model check coverage mutants chaos bench site release setup lock clean

demo: .venv/.run
	.venv/bin/manyi demo $(ARGS)

# Three at a time on two cores: what takes longest are real brokers and servers that are waited for. In the order that
# tests/conftest.py gives them; xdist would order them by their number, and begin with the faults.
test: .venv/.dev
	@.ci/system
	@.venv/bin/pytest -n 3 --dist loadscope --no-loadscope-reorder --durations=30 $(ARGS)

test-docker: .venv/.dev
	@for tool in docker.io:dockerd docker-compose:docker-compose debootstrap:debootstrap iptables:iptables; do \
		command -v $${tool#*:} >/dev/null || { echo "$${tool#*:} is not installed: apt-get install $${tool%:*}" >&2; exit 2; }; done
	.venv/bin/pytest tests/docker -s $(ARGS)

model: .venv/.dev
	.venv/bin/pytest tests/model --hypothesis-profile=thorough $(ARGS)

check: .venv/.dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

# By the tests whose course no draw decides, so that it is the same each time; without the bulky, which show no more here.
coverage: .venv/.dev
	@.ci/system
	@.venv/bin/pytest -q -m "not hypothesis and not bulk" --cov --cov-report= tests/contract tests/transport $(ARGS)
	@.venv/bin/coverage report --include="contract/*,transport/*" --fail-under=100

chaos: .venv/.dev
	@for seed in $(or $(ARGS),$(shell seq 20)); do \
		echo "manyi sim faults --seed $$seed --minutes 5" && \
		.venv/bin/manyi sim faults --seed $$seed --minutes 5 --json || exit 1; done

mutants: .venv/.dev
	@.ci/mutants $(ARGS)

bench: .venv/.dev
	.venv/bin/python -m bench.latency $(ARGS)
	.venv/bin/python -m bench.ingest $(ARGS)
	.venv/bin/python -m bench.edge $(ARGS)
	.venv/bin/python -m bench.board $(ARGS)
	.venv/bin/python -m bench.series $(ARGS)
	.venv/bin/python -m bench.copy $(ARGS)
	.venv/bin/python -m bench.outage $(ARGS)

# The theme tells at each build of a version to come; the lock holds the one we have.
site: .venv/.dev
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --quiet --strict $(ARGS)
	@echo "site/index.html"

release: .venv/.dev
	@.ci/release

setup: .venv/.dev

COMPILE := .venv/bin/uv pip compile pyproject.toml --group build --quiet --no-config --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header --no-annotate

# The locks hold a version and its hashes for every package, for any platform, and no address of where it came from.
lock: .venv/.dev
	$(COMPILE) --extra sim -o requirements/run.txt
	for extra in dev edge gateway gateway-web cloud; do \
		$(COMPILE) --extra $$extra -c requirements/run.txt -o requirements/$$extra.txt || exit 1; done

clean:
	rm -rf .venv build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov

.venv/bin/python:
	"$$(.ci/python)" -m venv .venv

# A stamp is newer than the lock it was made from, so what is there is not installed again. A developer's .venv holds
# all that the demo runs on, hence both stamps.
.venv/.run: requirements/run.txt pyproject.toml | .venv/bin/python
	@$(call install,requirements/run.txt)
	@touch $@

.venv/.dev: requirements/dev.txt pyproject.toml | .venv/bin/python
	@$(call install,requirements/dev.txt)
	@touch .venv/.run $@

# A lock is complete, so nothing is resolved anew: pip 23 took a newer coverage for `coverage[toml]` than the locked one.
define install
echo "installing $(1) into .venv ..." && \
$(PIP) install --quiet --no-compile --no-deps --require-hashes -r $(1) && \
$(PIP) install --quiet --no-deps --no-build-isolation -e .
endef
