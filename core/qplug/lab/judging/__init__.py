"""Answers to numbers: logits, the metrics that are measured on them, and what each sample got."""
