"""One partition on disk: segments, indexes, recovery; knows no network and no cluster."""
