"""What each step takes from whom, and what differs between the engines that run the steps."""
