# make demo   the whole pipeline on generated stand-ins, into demo/; ends with demo/report.html
# make test   the tests
# make test-without-blender   the tests that need neither Blender, decord nor smplx, in an environment without
#             them, .venv-without-blender: of Python 3.13 or 3.12, in the ranges of setup.cfg, not the lock;
#             then the wheel, outside of the repository. TESTS=tests/mocap runs fewer.
# make docs   the site of docs/, into build/site; installs mkdocs-material where it is missing
# The others create .venv from requirements.lock first; the second run installs nothing. The lock's mediapipe
# comes without what it requires (only its BlazePose file is read); torch brings its CUDA libraries, which
# no lock of a machine without a GPU could list.
# Where Linux shows no NVIDIA GPU, torch is taken from its index of CPU builds, which spares gigabytes of
# CUDA; TORCH_INDEX= (empty) takes pip's own index instead, as is done where that one cannot be reached.

PYTHON ?= python3.11
VENV ?= .venv
PIP_ARGS ?=
ifeq ($(shell uname -s)$(shell command -v nvidia-smi 2>/dev/null),Linux)
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
endif
BIN := $(VENV)/bin
SYNTH := $(BIN)/synth
DEMO ?= demo
WORKERS ?= 2

TESTS ?= tests
VENV_WITHOUT_BLENDER ?= .venv-without-blender
PYTHON_WITHOUT_BLENDER ?= $(shell for python in python3.13 python3.12; do \
	$$python -c '' 2>/dev/null && echo $$python && break; done)

.PHONY: demo test test-without-blender lint docs clean-demo

$(VENV)/.installed: requirements.lock setup.cfg
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found: Blender 4.5 needs Python 3.11 (Debian: apt-get install python3.11 python3.11-venv), or give PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@$(if $(TORCH_INDEX),$(BIN)/python -m pip install --quiet --no-deps --retries 0 --timeout 20 \
		--index-url $(TORCH_INDEX) $(PIP_ARGS) $$(grep '^torch==' requirements.lock) \
		|| echo "$(TORCH_INDEX): torch cannot be had there; pip's own index is asked",:)
	grep -v '^mediapipe==' requirements.lock > $(VENV)/lock-without-mediapipe.txt
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) -r $(VENV)/lock-without-mediapipe.txt
	$(BIN)/python -m pip install --quiet --no-deps $(PIP_ARGS) -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

demo: $(VENV)/.installed
	@$(SYNTH) doctor
	@echo "[1/9] motions of 17 actions (stand-in for CMU's)"
	@$(SYNTH) standins motions --out $(DEMO)/motions --seed 1
	@echo "[2/9] pedestrian crops (stand-in for Market-1501)"
	@$(SYNTH) standins pedestrians --out $(DEMO)/market --seed 2 --count-train-identities 32 \
		--count-test-identities 8 \
		--count-images-per-camera 1 --count-distractors 8 --count-junk 4
	@echo "[3/9] action videos (stand-in for UCF101)"
	@$(SYNTH) standins actions --out $(DEMO)/ucf101 --seed 3 --workers $(WORKERS)
	@echo "[4/9] a texture for each pedestrian, of all crops"
	@$(SYNTH) harvest-textures --images $(DEMO)/market --split train --out $(DEMO)/textures
	@echo "[5/9] films of the motions in the textures, by Blender"
	@$(SYNTH) render-videos --motions $(DEMO)/motions --textures $(DEMO)/textures --out $(DEMO)/films \
		--count-clips 34 --frames 32 --seed 4 --workers $(WORKERS)
	@echo "[6/9] many more of them, to learn from, by the quick engine"
	@$(SYNTH) render-videos --motions $(DEMO)/motions --textures $(DEMO)/textures --out $(DEMO)/training-films \
		--count-clips 680 --frames 32 --seed 5 --engine raster --channels segm --workers $(WORKERS) \
		--set background.kinds='{plate=1}' --set light.contact=0 --set lens.shutter=0,0
	@echo "[7/9] whether the films' pictures and labels agree"
	@$(SYNTH) check $(DEMO)/films --workers $(WORKERS) --picture $(DEMO)/channels.jpg
	@$(SYNTH) check $(DEMO)/training-films --count-clips 17 --workers $(WORKERS)
	@echo "[8/9] what the films are worth to a non-local network"
	@$(SYNTH) eval-ucf101 --films $(DEMO)/training-films --videos $(DEMO)/ucf101 --out $(DEMO)/recognition \
		--splits 1 --steps-pretrain 400 --steps-finetune 400 --steps-converge 1200 --workers $(WORKERS)
	@echo "[9/9] the report"
	@$(SYNTH) report --textures $(DEMO)/textures --images $(DEMO)/market --films $(DEMO)/films \
		--recognition $(DEMO)/recognition --out $(DEMO)/report.html --picture $(DEMO)/pipeline.jpg
	@echo "open $(DEMO)/report.html"

test: $(VENV)/.installed
	@$(BIN)/python -c "from mocap.bodies.free_body import load_free_body; load_free_body()"
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS)

$(VENV_WITHOUT_BLENDER)/.installed: setup.cfg
	@test -n "$(PYTHON_WITHOUT_BLENDER)" || { echo "neither python3.13 nor python3.12 found: give PYTHON_WITHOUT_BLENDER=/path/to/python"; exit 1; }
	$(PYTHON_WITHOUT_BLENDER) -m venv $(VENV_WITHOUT_BLENDER)
	@$(if $(TORCH_INDEX),$(VENV_WITHOUT_BLENDER)/bin/python -m pip install --quiet --retries 0 --timeout 20 \
		--index-url $(TORCH_INDEX) $(PIP_ARGS) $$(grep '^torch==' requirements.lock) \
		|| echo "$(TORCH_INDEX): torch cannot be had there; pip's own index is asked",:)
	$(VENV_WITHOUT_BLENDER)/bin/python -m pip install --quiet $(PIP_ARGS) 'setuptools>=68' \
		$$(grep '^torch==' requirements.lock) --editable ".[dev]"
	@touch $@

test-without-blender: $(VENV_WITHOUT_BLENDER)/.installed
	@$(VENV_WITHOUT_BLENDER)/bin/python -c "from mocap.bodies.free_body import load_free_body; load_free_body()"
	OMP_NUM_THREADS=1 $(VENV_WITHOUT_BLENDER)/bin/python -m pytest -n $(WORKERS) $(TESTS)
	$(VENV_WITHOUT_BLENDER)/bin/python benchmarks/wheel_outside.py

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.installed
	@$(BIN)/python -c "import material" 2>/dev/null \
		|| $(BIN)/python -m pip install --quiet $(PIP_ARGS) --editable ".[docs]"
	$(BIN)/python docs/write_reference.py
	$(BIN)/python -m mkdocs build --strict
	@echo "open build/site/index.html"

clean-demo:
	rm -rf $(DEMO)
