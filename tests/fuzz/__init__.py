"""The fuzzer: `make fuzz` lets atheris look for a body that decoding or normalising does not survive."""
