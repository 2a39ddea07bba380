"""What can be traded: the maths of value, and the rules of a listing."""
