"""When an office is open: hours, closures and public holidays, each with its days; so that silence means something."""
