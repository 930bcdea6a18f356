"""Calls written to files: both sides in one, sample by sample at the same time, behind everybody's back."""
