"""What is fitted after training: the temperature, and what is out of distribution."""
