"""Work for any remote backend: its forecast, its budget, and a journal by which nothing is ever paid for twice."""
