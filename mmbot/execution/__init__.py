"""From a wished quote to the smallest set of requests, within the limits and the request budget."""
