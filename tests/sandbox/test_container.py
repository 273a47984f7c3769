"""The folder that looks like an LMI container, by itself."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

import pytest

from lmi_deployer import catalog
from lmi_deployer.entry_point.job import GpuNeeded
from lmi_deployer.entry_point.machine import look, mismatches
from lmi_deployer.entry_point.places import Places
from lmi_deployer.sandbox import container

from .jobs import IMAGE, TAG

if TYPE_CHECKING:
    from pathlib import Path

INSTANCES = {i.gpu: i for i in map(catalog.instance_type, catalog.names("instances"))}
GPUS = [name for name in INSTANCES if catalog.gpu(name).vendor == "nvidia"]
QUICK = {"A10G", "H100"}  # asking nvidia-smi takes several processes


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("a folder with spaces")
    container.prepare(root, image_tag=TAG, gpu="A10G", gpu_count=2, host_memory_gib=192)
    return root


def variables(root: Path) -> dict[str, str]:
    return container.environment(
        root, endpoint_url="http://x", region="r", access_key_id="a", secret_access_key="s"
    )


def output(root: Path, *command: str, **more: str) -> str:
    done = subprocess.run(
        command,
        cwd=root,
        env=variables(root) | more,
        capture_output=True,
        text=True,
        check=False,
    )
    return f"{done.returncode} {done.stdout}{done.stderr}"


@pytest.mark.parametrize(
    "image", [TAG, f"{IMAGE}:{TAG}", f"{IMAGE}:{TAG}@sha256:{'0' * 64}"], ids=["tag", "uri", "both"]
)
def test_an_image_is_known_by_its_tag(image: str) -> None:
    assert container.lmi_image(image).version == "0.29.0"
    assert "trtllm" in container.lmi_image(image).compilers


@pytest.mark.parametrize("version", catalog.names(catalog.CONTAINERS))
def test_every_image_of_the_catalog_is_known_with_its_compile_scripts(version: str) -> None:
    for flavor, image in catalog.container(version).flavors.items():
        found = container.lmi_image(image.tag)
        assert found.version == version
        backends = {
            name
            for name, facts in catalog.container(version).backends.items()
            if facts.flavor == flavor and catalog.compiler(version, name)
        }
        assert set(found.compilers) == backends


def test_another_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(container.UnknownImageError, match="an-image"):
        container.prepare(tmp_path, image_tag="an-image", gpu=None, gpu_count=0)


@pytest.mark.parametrize(
    "gpu",
    [pytest.param(gpu, marks=() if gpu in QUICK else pytest.mark.exhaustive) for gpu in GPUS],
)
def test_the_machine_is_what_a_job_for_its_gpu_needs(tmp_path: Path, gpu: str) -> None:
    facts = catalog.gpu(gpu)
    container.prepare(tmp_path, image_tag=TAG, gpu=gpu, gpu_count=2, host_memory_gib=100)
    machine = look(Places(tmp_path), variables(tmp_path))
    needed = GpuNeeded(facts.compute_capability, facts.memory_gib, 2)
    assert mismatches(machine, needed) == []
    assert machine.memory_bytes == 100 * 2**30
    assert mismatches(machine, GpuNeeded(facts.compute_capability, facts.memory_gib, 4))


def test_the_driver_answers_what_it_is_asked(root: Path) -> None:
    asked = ("nvidia-smi", "--query-gpu=index,compute_cap", "--format=csv")
    assert output(root, *asked) == "0 index, compute_cap\n0, 8.6\n1, 8.6\n"
    assert output(root, "nvidia-smi", "--query-gpu=speed").startswith('2 Field "speed"')


def test_a_neuron_machine_has_no_such_driver(tmp_path: Path) -> None:
    container.prepare(tmp_path, image_tag=TAG, gpu="Inferentia2", gpu_count=1)
    assert output(tmp_path, "nvidia-smi").startswith("9 NVIDIA-SMI has failed")


def test_a_compile_script_is_that_of_its_version(root: Path) -> None:
    script = str(container.below(root, "/opt/djl/partition/trt_llm_partition.py"))
    said = output(root, "python3", script, "--properties_dir", "/x")
    assert said.startswith("2 ")
    assert "--pipeline_parallel_degree" in said


def test_the_hub_gives_each_revision_its_own_weights(root: Path) -> None:
    program = (
        "import sys, huggingface_hub as hub\n"
        "info = hub.HfApi().model_info('a/model', revision=sys.argv[1], files_metadata=True)\n"
        "names = [item.rfilename for item in info.siblings]\n"
        "print(hub.snapshot_download('a/model', revision=info.sha, allow_patterns=names))\n"
    )
    folders = [output(root, "python3", "-c", program, name) for name in ("main", "0" * 40)]
    paths = [folder.removeprefix("0 ").strip() for folder in folders]
    assert paths[0] != paths[1]
    configs = [json.loads((root / path / "config.json").read_text()) for path in paths]
    assert configs[1]["_commit_hash"] == "0" * 40
    assert str(root) in paths[0]


def test_the_compiled_model_says_what_the_weights_say_unless_told_otherwise(root: Path) -> None:
    program = (
        "import transformers\n"
        "tokenizer = transformers.AutoTokenizer.from_pretrained('x')\n"
        "model = transformers.AutoModelForCausalLM.from_pretrained('x')\n"
        "asked = tokenizer('Deep  learning is', return_tensors='pt').to(model.device)\n"
        "said = model.generate(input_ids=asked['input_ids'], max_new_tokens=6)\n"
        "print(tokenizer.decode(said[0][asked['input_ids'].shape[-1]:]))\n"
    )
    reference = output(root, "python3", "-c", program).removeprefix("0 ").split()
    assert len(reference) == 6
    assert served(root) == reference
    poor = served(root, LMI_DEPLOY_STAND_IN="poor_quality")
    assert (poor[:4], poor[4:]) == (reference[:4], ["garbage"] * 2)


def served(root: Path, **more: str) -> list[str]:
    """Words of the stand-in server for the same prompt."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    asked = {"inputs": "Deep learning is", "parameters": {"max_new_tokens": 6}}
    with subprocess.Popen(
        [str(root / "usr/bin/djl-serving")],
        cwd=root,
        env=variables(root) | {"SERVING_INFERENCE_ADDRESS": address} | more,
        stdout=subprocess.PIPE,
    ) as server:
        assert server.stdout is not None
        server.stdout.readline()
        sent = urllib.request.Request(f"{address}/invocations", json.dumps(asked).encode())
        try:
            with urllib.request.urlopen(sent) as answer:
                text = json.loads(answer.read())["generated_text"]
        finally:
            server.kill()
    return str(text).split()


def test_the_container_knows_this_python(root: Path) -> None:
    program = "import sys; print(sys.executable)"
    assert output(root, "python3", "-c", program) == f"0 {sys.executable}\n"
    assert container.command(root)[:1] == [sys.executable]
