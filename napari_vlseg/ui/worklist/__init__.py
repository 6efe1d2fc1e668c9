"""Going through the images of a project one by one."""
