# make demo   the whole pipeline on generated stand-ins, into demo/; ends with demo/report.html
# make test   the tests
# Both create .venv from requirements.lock first; the second run installs nothing.
# On a machine without a CUDA GPU, PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"
# spares the download of the CUDA builds of torch.

PYTHON ?= python3.11
VENV ?= .venv
PIP_ARGS ?=
BIN := $(VENV)/bin
SYNTH := $(BIN)/synth
DEMO ?= demo
WORKERS ?= 2

.PHONY: demo test lint weights clean-demo

$(VENV)/.installed: requirements.lock setup.cfg
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found: Blender 4.5 needs Python 3.11 (Debian: apt-get install python3.11 python3.11-venv), or give PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

demo: $(VENV)/.installed
	@$(SYNTH) doctor
	@echo "[1/7] motions, pedestrians and action videos: generated stand-ins in the real layouts"
	@$(SYNTH) standins motions --out $(DEMO)/motions --seed 1
	@$(SYNTH) standins pedestrians --out $(DEMO)/market --seed 2
	@$(SYNTH) standins actions --out $(DEMO)/ucf101 --seed 3 --workers $(WORKERS)
	@echo "[2/7] textures from the pedestrian crops"
	@$(SYNTH) harvest-textures --images $(DEMO)/market --out $(DEMO)/textures
	@echo "[3/7] films"
	@$(SYNTH) render-videos --motions $(DEMO)/motions --textures $(DEMO)/textures --out $(DEMO)/films --clips 96 --frames 32 --seed 4 --workers $(WORKERS)
	@echo "[4/7] what the films are worth"
	@$(SYNTH) eval-ucf101 --films $(DEMO)/films --videos $(DEMO)/ucf101 --lists $(DEMO)/ucf101/ucfTrainTestlist --out $(DEMO)/recognition --preset small
	@echo "[5/7] report"
	@$(SYNTH) report --textures $(DEMO)/textures --films $(DEMO)/films --recognition $(DEMO)/recognition --out $(DEMO)/report.html

test: $(VENV)/.installed
	$(BIN)/python -m pytest

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean-demo:
	rm -rf $(DEMO)
