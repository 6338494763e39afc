"""Moving a city's database as a whole: to another kind of database, into a backup, and back out of one."""
