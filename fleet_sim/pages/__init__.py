"""Pages of HTML: the templates that every page shares, and the one module that renders them."""
