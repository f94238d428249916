"""Services of OpenRC and SysV init: what init scripts start and stop."""
