"""Ways for envelopes to travel: folders that are mounted or carried, SFTP, HTTPS; none is trusted."""
