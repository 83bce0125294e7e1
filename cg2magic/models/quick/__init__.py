"""Forward passes for CPUs: what transformers computes, in fewer steps."""
