"""Where batches, fields, models and products of runs lie: a folder of the disk, or S3."""
