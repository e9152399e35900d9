"""What the pages of all tasks are made of: shapes of charts, and templates."""
