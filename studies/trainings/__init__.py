"""Trainings of studies: each in a process and a folder of its own, by the pipeline's loop, without Ray, MLflow and DVC."""
