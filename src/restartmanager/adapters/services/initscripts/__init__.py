"""Services of OpenRC and SysV init, which init scripts start and stop."""
