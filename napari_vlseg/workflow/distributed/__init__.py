"""The same tasks on other machines, by dask.distributed."""
