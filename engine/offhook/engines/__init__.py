"""Recognisers, language models and voices behind one small interface each."""
