"""The entry point as a process: from the archive, in a folder that stands for a container."""

from __future__ import annotations

import json
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from lmi_deployer.artifact.manifest import key_of
from lmi_deployer.entry_point.job import (
    COMMAND,
    DOWNLOAD_FOLDER,
    MODEL_FOLDER,
    PROPERTIES_FOLDER,
)
from tests.edges.entry_point_container import (
    BEGIN,
    COMPILES,
    JOB,
    SCRIPT,
    TWO_A10G,
    Container,
    files_of,
    is_alive,
    with_model,
)
from tests.edges.hub_server import COMMIT, Fault, Repo, running_hub


@pytest.fixture
def container(tmp_path: Path) -> Container:
    return Container(tmp_path)


def test_a_job_without_a_cache_leaves_what_a_collector_needs(container):
    container.prepare()
    done = container.run_archive("-S")
    assert done.returncode == 0, done.stdout
    result = container.result
    assert result is not None
    assert result.key == key_of(JOB.inputs)
    assert sorted(result.files) == files_of(container.output)
    assert {"machine", "weights", "compile", "layout"} <= set(result.made["seconds"])
    assert result.made["machine"]["gpus"][0]["name"] == "NVIDIA A10G"
    assert result.made["runner"] == "docker"


def test_the_script_reads_the_properties_with_the_weights_as_they_lie_here(container):
    container.prepare()
    container.run()
    text = container.below(f"{PROPERTIES_FOLDER}/serving.properties").read_text()
    folder = container.below("/opt/ml/input/data/model")
    assert text.splitlines() == [
        f"option.model_id={folder}",
        "option.dtype=fp16",
        f"extra={container.output}",
    ]


def test_the_script_gets_the_job_s_variables_and_no_options_from_the_container_s(container):
    script = COMPILES + 'print(os.environ["CUDA_MODULE_LOADING"], "OPTION_DTYPE" in os.environ)\n'
    container.prepare(script=script)
    container.environment["OPTION_DTYPE"] = "fp32"
    done = container.run()
    assert "LAZY False" in done.stdout
    assert "not passed on to the compile script: OPTION_DTYPE" in done.stdout


def test_the_properties_that_a_script_copies_are_no_part_of_the_artifact(container):
    copies = '(output / "serving.properties").write_text("option.max_rolling_batch_size=4")\n'
    container.prepare(script=COMPILES + copies)
    done = container.run()
    assert done.returncode == 0, done.stdout
    assert "serving.properties" not in container.result.files
    assert "serving.properties" not in files_of(container.output)


def test_a_script_that_writes_beside_the_weights_gets_a_folder_of_its_own_for_it(container):
    begin = BEGIN.replace("import json", "import shutil, json")
    script = begin + (
        "folder = pathlib.Path(given['--model-id'])\n"
        "(folder / 'split').mkdir()\n"
        "shutil.copytree(folder, output / 'checkpoint')\n"
    )
    job = replace(
        JOB, layout="neuron_compiled_model", script=(*JOB.script, "--model-id", MODEL_FOLDER)
    )
    container.prepare(job, script=script)
    for _ in range(2):
        assert container.run().returncode == 1
        assert "left no whole artifact" in container.failure
    assert sorted(item.name for item in container.below(MODEL_FOLDER).iterdir()) == [
        "config.json",
        "model.safetensors",
    ]
    assert (container.output / "checkpoint/model.safetensors").read_text() == "weights"


def test_a_failure_that_cannot_be_written_down_stands_in_the_log(container):
    container.prepare(script=BEGIN + "sys.exit('something odd')\n")
    container.write("/opt/ml/output", "where a folder should be")
    done = container.run_archive("-S")
    assert (done.returncode, "Traceback" in done.stdout) == (1, False)
    assert "failed during compile: the compile script failed with exit status 1" in done.stdout


def test_a_second_run_is_a_no_op(container):
    container.prepare()
    container.run()
    container.write(SCRIPT, "raise SystemExit(1)")
    done = container.run()
    assert done.returncode == 0
    assert "nothing to do" in done.stdout


def test_a_run_after_an_interrupted_one_begins_anew(container):
    container.prepare()
    stale = container.write("/opt/ml/checkpoints/output/tensorrt_llm/1/old_rank0.engine", "half")
    assert container.run().returncode == 0
    assert not stale.exists()


@pytest.mark.parametrize(
    ("gpus", "said"),
    [
        ("NVIDIA A10G, 23028, 535.183.01, 8.6\n", "needs 2 GPUs, this machine has 1"),
        (
            "NVIDIA L4, 23034, 550.1, 8.9\nNVIDIA L4, 23034, 550.1, 8.9\n",
            "needs GPUs of compute capability 8.6, NVIDIA L4 has 8.9",
        ),
        (
            "NVIDIA A40, 46068, 550.1, 8.6\nNVIDIA A40, 46068, 550.1, 8.6\n",
            "needs GPUs with 24 GiB, NVIDIA A40 has 45",
        ),
    ],
    ids=["too few", "another architecture", "another memory class"],
)
def test_another_machine_is_refused_with_both_sides_named(container, gpus, said):
    container.prepare(gpus=gpus)
    done = container.run()
    assert done.returncode == 1
    assert said in container.failure
    assert "compile.instance_type" in container.failure
    assert "converting" not in done.stdout


def test_a_machine_without_a_gpu_says_so(container):
    container.prepare()
    container.below("/bin/nvidia-smi").unlink()
    assert container.run().returncode == 1
    assert "no GPU driver" in container.failure


def test_a_driver_that_does_not_know_compute_cap_is_asked_otherwise(container):
    container.prepare()
    refuse = 'case "$1" in *compute_cap*) echo not a valid field to query; exit 2;; esac'
    container.gpus(TWO_A10G.replace(", 8.6", ""), before=refuse)
    done = container.run()
    assert done.returncode == 0
    assert "the driver does not tell it; not compared" in done.stdout


def test_too_little_memory_for_the_weights_is_found_before_anything_runs(container):
    container.prepare()
    container.write("/sys/fs/cgroup/memory.max", "6\n")
    done = container.run()
    assert done.returncode == 1
    assert "GiB of memory, where the compile script loads them" in container.failure
    assert "converting" not in done.stdout


def test_a_failing_script_is_told_by_its_last_lines(container):
    script = BEGIN + "print('loading shard 3')\nraise RuntimeError('something odd happened')\n"
    container.prepare(script=script)
    assert container.run().returncode == 1
    assert "failed with exit status 1" in container.failure
    assert "loading shard 3" in container.failure
    assert container.failure.rstrip().endswith("RuntimeError: something odd happened")
    assert container.result is None


def test_the_line_that_tells_why_is_found_far_above_the_end(container):
    script = BEGIN + (
        "print('torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB')\n"
        "for i in range(200): print('rank', i % 8, 'aborted')\nsys.exit(1)\n"
    )
    container.prepare(script=script)
    container.run()
    assert "out of GPU memory" in container.failure
    assert "Tried to allocate 2 GiB" in container.failure
    assert "fix: a lower max_rolling_batch_size" in container.failure


def test_a_script_that_ends_with_0_and_writes_nothing_has_failed(container):
    container.prepare(script=BEGIN + "print('Invalid engine: MPI')\n")
    assert container.run().returncode == 1
    assert "wrote nothing" in container.failure
    assert "Invalid engine: MPI" in container.failure


def test_a_half_written_artifact_has_failed(container):
    container.prepare(script=BEGIN + 'write("config.pbtxt", "tokenizer_config.json")\n')
    assert container.run().returncode == 1
    assert "no whole artifact" in container.failure
    assert container.result is None


def test_a_script_that_the_kernel_killed_ran_out_of_memory(container):
    container.prepare(script=BEGIN + "os.kill(os.getpid(), 9)\n")
    assert container.run().returncode == 1
    assert "was ended by signal 9: out of host memory" in container.failure


def test_a_rank_that_the_kernel_killed_ran_out_of_memory_too(container):
    script = BEGIN + (
        "root = output.parents[3]\n"
        "(root / 'sys/fs/cgroup/memory.events').write_text('oom 1\\noom_kill 1\\n')\n"
        "sys.exit(1)\n"
    )
    container.prepare(script=script)
    container.write("/sys/fs/cgroup/memory.events", "oom 0\noom_kill 0\n")
    container.run()
    assert "out of host memory: the kernel killed it" in container.failure


def test_a_job_that_takes_too_long_is_ended(container):
    container.prepare(replace(JOB, max_seconds=1), script=BEGIN + "import signal\nsignal.pause()\n")
    assert container.run().returncode == 1
    assert "limit of 1 seconds for the whole job passed during: compile" in container.failure
    assert "converting" in container.failure


def test_a_job_stopped_through_the_image_s_entry_script_ends_all_and_says_so(container):
    """Only the script gets the signal; COMMAND has it replaced by the entry point."""
    script = BEGIN + (
        "import signal, subprocess\n"
        "child = subprocess.Popen(['/bin/sleep', '600'])\n"
        "print('pids', os.getpid(), child.pid, flush=True)\nsignal.pause()\n"
    )
    container.prepare(script=script)
    entry = container.write("/usr/local/bin/dockerd-entrypoint.sh", 'eval "$@"\n')
    process = subprocess.Popen(
        ["bash", str(entry), COMMAND[0], *container.command("-S")],
        env=container.variables(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    pids = next(line for line in process.stdout if line.startswith("pids")).split()[1:]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert "told to end (SIGTERM) during compile" in container.failure
    assert not any(is_alive(int(pid)) for pid in pids)


def test_no_secret_of_the_environment_gets_into_the_log_or_the_failure(container):
    secrets = {"HF_TOKEN": "hf_" + "s" * 34, "AWS_SECRET_ACCESS_KEY": "very/secret/of/mine"}
    container.environment |= secrets
    script = BEGIN + "print(dict(os.environ))\nsys.exit(os.environ['HF_TOKEN'])\n"
    container.prepare(script=script)
    done = container.run_archive("-S")
    assert done.returncode == 1
    assert "***" in done.stdout
    for secret in secrets.values():
        assert secret not in done.stdout
        assert secret not in container.failure


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot read"),
        (b"{}", "not a job document"),
        (b"no json", "not a job document"),
        (b'{"schema_version": 99}', "not a job document"),
    ],
)
def test_a_broken_job_document_is_told(container, content, said):
    container.prepare()
    path = container.below("/opt/ml/input/data/job/job.json")
    path.write_bytes(content) if content is not None else path.unlink()
    assert container.run().returncode == 1
    assert said in container.failure


def test_missing_weights_are_told_with_the_folder(container):
    container.prepare()
    for name in ("config.json", "model.safetensors"):
        container.below(f"/opt/ml/input/data/model/{name}").unlink()
    assert container.run().returncode == 1
    assert "/opt/ml/input/data/model is empty" in container.failure


def test_a_checkpoint_in_meta_s_format_is_refused(container):
    container.prepare()
    container.below("/opt/ml/input/data/model/config.json").unlink()
    assert container.run().returncode == 1
    assert "not in the format of Hugging Face" in container.failure


def tree_of(files: dict[str, bytes]) -> bytes:
    """What the hub's listing of a repository holds."""
    entries = [
        {"type": "file", "path": path, "size": len(content), "oid": "b" * 40}
        for path, content in files.items()
    ]
    return json.dumps(entries).encode()


def test_weights_are_downloaded_at_the_revision_and_the_commit_is_recorded(container):
    """With the unmodified huggingface_hub, against a server that answers as the hub does."""
    container.prepare(with_model(JOB, revision=COMMIT))
    unread = {"pytorch_model.bin": b"{}", "original/params.json": b"{}"}
    files = {"config.json": b"{}", "model.safetensors": b"{}"}
    with running_hub() as hub:
        hub.repos["acme/small"] = Repo(files={**files, **unread})
        hub.faults.append(Fault("/tree/", body=tree_of(files | unread)))
        container.environment |= {"HF_ENDPOINT": hub.url, "HOME": str(container.root)}
        done = container.run()
    assert done.returncode == 0, done.stdout
    assert container.result is not None
    assert container.result.made["commit"] == COMMIT
    assert files_of(container.below(DOWNLOAD_FOLDER)) == sorted(files)
    assert not any(name in path for path in hub.paths() for name in unread)


def test_a_gated_model_is_told_with_the_way_out(container):
    container.prepare(with_model(JOB, revision=COMMIT))
    with running_hub() as hub:
        hub.repos["acme/small"] = Repo(files={"config.json": b"{}"}, gated="manual")
        hub.faults.append(Fault("/tree/", body=tree_of({"config.json": b"{}"})))
        container.environment |= {"HF_ENDPOINT": hub.url, "HOME": str(container.root)}
        assert container.run().returncode == 1
    assert "the model is gated" in container.failure
    assert "model.source" in container.failure
