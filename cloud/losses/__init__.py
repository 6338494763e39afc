"""What damaged disks have cost: the numbers that nodes declare destroyed, and which of them nobody else had."""
