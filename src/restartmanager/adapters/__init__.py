"""What touches the machine: each module or folder stands behind one of the ports."""
