"""Losses as pure functions of tensors, and differentiable collectives."""
