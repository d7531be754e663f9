"""The exchange file format: forecasts, observations and stations that the other side writes for us.

Described for its writers in docs/exchange-files.md; a file lies in a folder or is fetched over SFTP.
"""
