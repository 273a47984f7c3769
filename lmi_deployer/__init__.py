"""Plan, check and deploy large language models to Amazon SageMaker LMI containers."""

__version__ = "0.1.0"
