"""Keeping what people do: journals bound to projects, label images written now and then."""
