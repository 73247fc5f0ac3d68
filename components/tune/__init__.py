"""Tries combinations of training's parameters and keeps the best one."""
