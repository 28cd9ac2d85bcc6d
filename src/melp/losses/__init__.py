"""Losses: pure functions of tensors, and the gather that autograd sees."""
