"""Whose number was dialled, who answers it and with what: tenants, their numbers and their agents.

``directory`` is what a daemon asks, from memory; the database behind it (PostgreSQL or SQLite) is read in a
thread of its own and never during a call.  ``admission`` says whether a call is taken, ``call_writer`` keeps
what is to be kept of it afterwards.  ``registry``, ``number_registry``, ``agent_versions`` and
``call_records`` are what an operator's commands do.
"""
