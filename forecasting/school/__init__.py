"""The replay school: past days as they were known hour by hour, and how well somebody foresaw them."""
