"""Going through the objects of an image one by one. Free of Qt, except for what a view draws."""
