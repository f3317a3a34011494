"""What ``qplug bench --peers`` compares with: the same circuit through other libraries, as their users call them."""
