"""What is done with components: assembling, training, judging, recording."""
