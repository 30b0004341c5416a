"""Fitted estimators in files and in other hands: saved, exported, described."""

from skdeep.persistence._checkpoint import Checkpoint
from skdeep.persistence._saving import load, save

__all__ = ["Checkpoint", "load", "save"]
