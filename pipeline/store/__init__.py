"""The ClickHouse seam; embedded or a server by changing a URL."""
