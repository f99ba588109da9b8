"""How long jobs take, measured from those that succeeded, and when queued jobs start and end."""
