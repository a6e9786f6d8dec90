"""Where evaluations run: here, in processes of this machine, or wherever an executor puts them."""
