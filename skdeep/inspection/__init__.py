"""Instruments for what is fitted: pictures, summaries, and what happens inside."""

from skdeep.inspection._search_display import SearchDisplay

__all__ = ["SearchDisplay"]
