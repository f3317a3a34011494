"""Components for qplug that qplug knows nothing about."""
