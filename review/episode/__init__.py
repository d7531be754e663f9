"""The episode page: everything that speaks for and against one predicted episode, beside the decision."""
