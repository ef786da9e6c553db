"""What people say of incidents: kept beside the results, and laid over them by every reader. JUDGE does not know."""
