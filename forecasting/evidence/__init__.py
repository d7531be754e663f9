"""What a forecaster asks of a forecast before believing it: record, tipping reading, whose data it is."""
