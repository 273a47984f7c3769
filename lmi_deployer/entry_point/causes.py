"""What log lines of compilations mean, and what helps: patterns, in the order of their weight.

The texts are those of the programs themselves: CUDA, PyTorch, TensorRT, huggingface_hub, the
compile scripts of djl-serving.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple, Optional, Sequence


class Cause(NamedTuple):
    """Lines that match `pattern` come from `cause`, against which `fix` helps."""

    pattern: str
    cause: str
    fix: str


@dataclass(frozen=True)
class Found:
    """A cause, and the line that shows it; empty where something else than a line does."""

    cause: str
    fix: str
    line: str = ""


HOST_MEMORY = Found(
    "out of host memory: the kernel killed it",
    "a compile.instance_type with more memory and the same GPUs, or fewer option.num_engine_workers"
    " (0.27.0 and newer)",
)

CAUSES = (
    Cause(
        r"No space left on device|Errno 28\b|[Dd]isk quota exceeded|not enough room on the disk",
        "no space left on the disk",
        "a larger volume for the job, or an instance type with local NVMe disks",
    ),
    Cause(
        r"GatedRepoError|Access to model .* is restricted|Cannot access gated repo",
        "the model is gated on the Hugging Face Hub, and this job has no token that may read it",
        "accept its licence on the hub, copy the weights to S3 once, and name them in"
        " model.source; the docker and native runners also read HF_TOKEN",
    ),
    Cause(
        r"RevisionNotFoundError|Revision Not Found",
        "the repository on the Hugging Face Hub has no such revision",
        "a model.revision that exists; `lmi-deploy lock` finds the current one",
    ),
    Cause(
        r"RepositoryNotFoundError|Repository Not Found|401 Client Error.*huggingface\.co",
        "the Hugging Face Hub has no such model, or it is private",
        "check model.id; copy the weights of a private model to S3, and name them in model.source",
    ),
    Cause(
        r"LocalEntryNotFoundError(?!.*HfHubHTTPError)|Temporary failure in name resolution"
        r"|Name or service not known|Network is unreachable|OfflineModeIsEnabled"
        r"|Max retries exceeded with url.*huggingface",
        "the Hugging Face Hub cannot be reached from here",
        "a subnet with a NAT gateway; or copy the weights to S3, and name them in model.source",
    ),
    Cause(
        r"429 Client Error|Too Many Requests",
        "the Hugging Face Hub has had too many requests from here",
        "run it again later; or copy the weights to S3, and name them in model.source",
    ),
    Cause(
        r"CUDA out of memory|torch\.(?:cuda\.)?OutOfMemoryError|CUDA_ERROR_OUT_OF_MEMORY"
        r"|Cuda Runtime \(out of memory\)|cudaErrorMemoryAllocation"
        r"|Requested amount of GPU memory .* could not be allocated",
        "out of GPU memory",
        "a lower max_rolling_batch_size, max_input_len or max_output_len, a higher"
        " tensor_parallel_degree, or GPUs with more memory",
    ),
    Cause(
        r"std::bad_alloc|DefaultCPUAllocator: (?:can't|not enough)|Cannot allocate memory"
        r"|\bMemoryError\b|Unable to allocate .* for an array|signal 9 \(Killed\)",
        "out of host memory",
        HOST_MEMORY.fix,
    ),
    Cause(
        r"unable to open shared memory object|Bus error|shm_open|insufficient shared memory",
        "out of shared memory (/dev/shm)",
        "`--shm-size 12gb` or more for Docker",
    ),
    Cause(
        r"serialized with a different version|serialization.* version .*(?:mismatch|does not match)"
        r"|engine plan file is (?:not compatible|generated on an incompatible device)"
        r"|Version tag does not match|serializationVersion",
        "an engine that another TensorRT version or another GPU has written",
        "compile with the image that serves, on the GPU that serves",
    ),
    Cause(
        r"CUDA driver version is insufficient|forward compatibility was attempted"
        r"|CUDA_ERROR_SYSTEM_DRIVER_MISMATCH|no kernel image is available"
        r"|UnsupportedPlatform|requires a GPU with compute capability",
        "this GPU or its driver is not one that the image supports",
        "another compile.instance_type, or a container version whose CUDA the driver runs",
    ),
    Cause(
        r"(?:[Qq]uantiz|quant_algo|[Ss]mooth[Qq]uant|\bawq\b|\bfp8\b|\bint8\b)"
        r".*(?:not supported|unsupported|[Ii]nvalid|is not a valid|not implemented)"
        r"|(?:not supported|[Uu]nsupported|[Ii]nvalid).*(?:quantiz|quant_algo|QuantAlgo)",
        "this version does not quantize this model so",
        "another quantize.method, or none; weights that are quantized already need none",
    ),
    Cause(
        r"(?:architecture|[Mm]odel type|model_type|ForCausalLM).*(?:not supported|unsupported"
        r"|is not recognized|does not recognize|not implemented)"
        r"|[Uu]nsupported (?:model|architecture)|does not recognize this architecture"
        r"|KeyError: '?\w*(?:ForCausalLM|LMHeadModel)"
        r"|DeepSpeed does not support partitioning",
        "this version does not know how to compile this model",
        "another container version or backend; `lmi-deploy validate` lists what each knows",
    ),
    Cause(
        r"trust_remote_code=True|requires you to execute the (?:configuration|modeling|tokenizer)",
        "the model comes with Python code of its own, which may not run",
        "read that code, then set model.trust_remote_code: true",
    ),
    Cause(
        r"(?:attention )?heads.*divisible|divisible by.*(?:tensor|tp|world)|tp_size.*must divide",
        "the model cannot be split over so many GPUs",
        "a tensor_parallel_degree that divides the number of attention heads",
    ),
    Cause(
        r"the following arguments are required|error: unrecognized arguments"
        r"|error: argument .*: (?:invalid|expected)",
        "the compile script of this image does not take these arguments",
        "the image whose version the profile names; an own image under its tag has another script",
    ),
    Cause(
        r"No module named|ImportError: |cannot open shared object file",
        "something that the image should hold is not in it",
        "the image of the version that the profile names, started through its own ENTRYPOINT",
    ),
    Cause(
        r"Unable to locate credentials|NoCredentialsError|ExpiredToken|InvalidAccessKeyId"
        r"|The security token included in the request is (?:expired|invalid)",
        "there are no AWS credentials here, or they have expired",
        "a role for the job; on Docker, credentials that outlive it",
    ),
    Cause(
        r"AccessDenied|\b403\b.*(?:PutObject|HeadObject|GetObject|ListObjects)",
        "the role of the job may not use the cache",
        "s3:ListBucket on the bucket; s3:GetObject, s3:PutObject, s3:DeleteObject and"
        " s3:AbortMultipartUpload below the cache",
    ),
    Cause(
        r"NoSuchBucket|\bbucket does not exist",
        "the bucket of the cache does not exist",
        "create it, or name another one in compile.cache",
    ),
    Cause(
        r"Could not connect to the endpoint URL|EndpointConnectionError|ConnectTimeoutError",
        "S3 cannot be reached from here",
        "an S3 gateway endpoint, or a NAT gateway, in the network of the job",
    ),
)
_COMPILED = tuple((re.compile(row.pattern), row) for row in CAUSES)


def find_cause(lines: Sequence[str]) -> Optional[Found]:
    """The weightiest cause that the lines show, with the last line that shows it."""
    for pattern, row in _COMPILED:
        for line in reversed(lines):
            if pattern.search(line):
                return Found(row.cause, row.fix, line.strip())
    return None
