"""Backup, its check, its retention and the way back; see docs/backup.md."""
