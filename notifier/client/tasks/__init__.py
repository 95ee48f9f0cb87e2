"""Tasks: how their runs are tried, tracked, told of and run again."""
