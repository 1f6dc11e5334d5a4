"""What all trainings share: the loop, banks of pedestrians, augmentation."""
