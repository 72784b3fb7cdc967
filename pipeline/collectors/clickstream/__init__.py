"""Page views and clicks from browsers."""
