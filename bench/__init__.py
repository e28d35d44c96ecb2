"""How fast it is: workloads, baselines, timing and reports. See bench/README.md."""
