"""What knows no biology: chance, laws, units, columns of cells, and compiled kernels."""
