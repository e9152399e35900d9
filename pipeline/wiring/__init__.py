"""The inputs of each step, and the differences between the engines that run the steps."""
