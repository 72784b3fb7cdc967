"""What operators decide through the protocol: who may sign in, who may do what, and how much."""
