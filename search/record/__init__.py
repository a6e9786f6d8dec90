"""What a run leaves behind: its ledger, run folder, report and plots."""
