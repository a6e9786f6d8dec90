"""The containers that official files come in, read without the libraries that wrote them."""
