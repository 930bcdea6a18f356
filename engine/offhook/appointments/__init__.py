"""Appointments: what is offered and when, what is free, and the book in which no time is given twice."""
