"""How a request becomes steps: who plans, what a plan is, and when none is needed."""
