"""What runs inside the container: compile, check, measure, upload, commit.

It is shipped as one archive beside the job and runs on the image's own Python, 3.8 or newer, with
the standard library, `lmi_deployer.artifact`, and the botocore and s3transfer that the image's
awscli brings. huggingface_hub, transformers and tensorrt_llm are imported where a job needs them.
"""
