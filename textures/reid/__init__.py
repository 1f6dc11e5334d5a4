"""Person re-identification: PCB, its training and its evaluation."""
