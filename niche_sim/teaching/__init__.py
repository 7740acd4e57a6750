"""Lessons, worksheets and replays."""
