"""Running the compiled pipeline on this machine, through kfp.local."""
