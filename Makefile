# Modelway: every command a developer needs. `make help` lists them.
PYTHON ?= python3
PY := .venv/bin/python
CLUSTER_ENV = eval "$$($(PY) -m e2e.cluster env)"

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.venv/installed: pyproject.toml constraints.txt
	@echo "installing the development environment into .venv (half a minute the first time)"
	@test -x $(PY) || $(PYTHON) -m venv .venv
	@$(PY) -m pip install -q -c constraints.txt -e '.[dev]'
	@touch $@

venv: .venv/installed ## the development environment, pinned by constraints.txt

demo: venv ## cluster, images, chart, digits v1, update to v2 under load: the whole story in one command
	@$(PY) -m e2e.demo

lint: venv ## style, types, import contracts, generated files in step
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy operator runtime e2e bench
	@.venv/bin/lint-imports --no-cache --no-logo && $(PY) -m modelway.generate --check

check: lint ## the quick inner loop: lint and the tests of values (a minute)
	@$(PY) -m pytest -q $(addprefix tests/,api cli contract decide manifests measure measurement queue world)

test: lint cluster-up images ## everything this machine can run, the real cluster's stories included
	@$(PY) -m pytest tests e2e

e2e: venv cluster-up images ## the user stories on the real cluster (STORY=update for one of them)
	@$(PY) -m pytest e2e/$(STORY)

test-gateway: venv cluster-up images ## canaries behind the real Envoy (building Envoy Gateway takes ten minutes once)
	@$(PY) -m e2e.gateway.programs && $(PY) -m pytest e2e/gateway

cluster-up: venv ## a real Kubernetes cluster (CLUSTER=local|kind|kubeconfig chooses how)
	@$(PY) -m e2e.cluster up

cluster-down: venv ## remove the cluster: processes, mounts and namespaces
	@$(PY) -m e2e.cluster down

images: venv ## build both images and hand them to every node
	@$(PY) -m e2e.cluster images

generate: venv ## CRD, chart and reference pages from operator/modelway/api
	@$(PY) -m modelway.generate

format: venv ## let ruff put the code in shape
	@.venv/bin/ruff check --fix . ; .venv/bin/ruff format .

bench-runtime: venv ## the server against its peers: CPU, latency, memory, start (ARGS="--peers fastapi --seconds 0.3")
	@$(PY) -m bench.runtime $(ARGS)

bench-operator: venv cluster-up images ## the operator with 1,000 ModelDeployments on kwok nodes
	@$(PY) -m bench.operator

clean: ## remove what this checkout built (the cluster's cache is kept)
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build

.PHONY: help venv demo lint check test e2e test-gateway cluster-up cluster-down images generate format bench-runtime bench-operator clean
