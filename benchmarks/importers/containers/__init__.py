"""Containers of official files, read without the libraries that wrote them."""
