"""Objects of one plane found again on its neighbours, plane by plane."""
